// The version of the library: the one place where it stands; CMake and pkg-config read it from here.
#pragma once

#define IMMISCIBLE_VERSION_MAJOR 0
#define IMMISCIBLE_VERSION_MINOR 1
#define IMMISCIBLE_VERSION_PATCH 0

/// "major.minor.patch"
#define IMMISCIBLE_VERSION "0.1.0"
