// Precompiled for the libraries that speak gRPC: proto, rpc and storeapi.
#pragma once

#include "pch.h"

#include <grpcpp/grpcpp.h>
