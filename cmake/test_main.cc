#include <gmock/gmock.h>

// Entry point of every test executable.
int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
