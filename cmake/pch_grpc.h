// Precompiled for the libraries that speak gRPC: proto, rpc and storeapi.
#pragma once

#include <grpcpp/grpcpp.h>

#include "pch.h"
