// Everything of the library that needs nothing but a host compiler and Eigen. Apart stands diagnostics.hpp, whose eigenvalues take
// as long to compile as all the rest.
#pragma once

#include <immiscible/advise.hpp>
#include <immiscible/assign.hpp>
#include <immiscible/assign_batched.hpp>
#include <immiscible/assignment.hpp>
#include <immiscible/auction.hpp>
#include <immiscible/batch.hpp>
#include <immiscible/cost.hpp>
#include <immiscible/drawn_nearest.hpp>
#include <immiscible/greedy.hpp>
#include <immiscible/groups.hpp>
#include <immiscible/image_scaling.hpp>
#include <immiscible/jonker_volgenant.hpp>
#include <immiscible/masked.hpp>
#include <immiscible/matched_loader.hpp>
#include <immiscible/method.hpp>
#include <immiscible/nearest_noise.hpp>
#include <immiscible/noise_matcher.hpp>
#include <immiscible/philox.hpp>
#include <immiscible/pooling.hpp>
#include <immiscible/version.hpp>
