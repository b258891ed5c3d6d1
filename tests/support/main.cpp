// The main program of every test, compiled once.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
