// The simulator of the pushing policy's trainer, and its scripted expert.
#include "../examples/common/pushing.hpp"

#include "../examples/common/pushing_expert.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <random>

namespace pushing_tests {

using namespace examples::pushing;

namespace {

constexpr double gap = 0.02;  // of the finger before a push

/// The block unturned in the middle, the finger above its bar at x.
world above_bar(double x) {
  const rectangle& bar = block_parts[0];
  return {{x, bar.top + finger_radius + gap}, {}};
}

void advance_to(world& w, point target) {
  for (int step = 0; step < 40; ++step) advance(w, target);
}

bool same(const world& a, const world& b) {
  return a.finger.x == b.finger.x && a.finger.y == b.finger.y && a.block.centre.x == b.block.centre.x &&
         a.block.centre.y == b.block.centre.y && a.block.angle == b.block.angle;
}

}  // namespace

TEST_CASE("the parts of the block make its area, with the centre at 0, within the block's radius") {
  double area = 0, x = 0, y = 0;
  for (const rectangle& r : block_parts) {
    area += r.area();
    x += r.area() * (r.left + r.right) / 2;
    y += r.area() * (r.bottom + r.top) / 2;
    for (const point corner : {point{r.left, r.bottom}, {r.right, r.bottom}, {r.left, r.top}, {r.right, r.top}}) {
      CHECK(length(corner) < block_radius);
    }
  }
  CHECK(area == Approx(block_area));
  CHECK(x == Approx(0).margin(1e-12));
  CHECK(y == Approx(0).margin(1e-12));
}

TEST_CASE("without contact the block stays, and the finger moves by its largest step at most") {
  world w = above_bar(0.1);
  const world before = w;
  advance(w, {0.9, 0.9});
  CHECK(w.block.centre.x == before.block.centre.x);
  CHECK(w.block.centre.y == before.block.centre.y);
  CHECK(w.block.angle == before.block.angle);
  CHECK(length(w.finger - before.finger) == Approx(largest_step));
  advance_to(w, {0.9, 0.9});
  CHECK(length(w.finger - point{0.9, 0.9}) < 1e-12);
  advance_to(w, {0.5, 7});  // beyond the table
  CHECK(w.finger.y == Approx(1));
}

TEST_CASE("a push through the centre moves the block straight and as far as the finger") {
  world w = above_bar(0);
  advance_to(w, w.finger - point{0, gap + 0.2});
  CHECK(w.block.centre.x == Approx(0).margin(1e-9));
  CHECK(w.block.centre.y == Approx(-0.2));
  CHECK(w.block.angle == Approx(0).margin(1e-9));
}

TEST_CASE("a push beside the centre turns the block, mirrored on the other side") {
  world right = above_bar(0.2), left = above_bar(-0.2);
  advance_to(right, right.finger - point{0, gap + 0.1});
  advance_to(left, left.finger - point{0, gap + 0.1});
  CHECK(right.block.angle < -0.1);
  CHECK(right.block.centre.y < 0);
  CHECK(left.block.angle == Approx(-right.block.angle));
  CHECK(left.block.centre.x == Approx(-right.block.centre.x));
}

TEST_CASE("the finger takes a side along that it meets almost straight, and slides along it at a flat angle") {
  const auto slide_along_side = [](double angle) {  // per length of the push across the side
    world w = above_bar(0);
    w.finger.y -= gap;
    const point push = turned({0, -0.03}, angle);
    const double before = w.finger.x;
    advance_to(w, w.finger + push);
    return (to_block(w.block, w.finger).x - before) / push.x;
  };
  CHECK(std::abs(slide_along_side(0.1)) < 0.3);  // it rolls a little: the block turns under a round finger
  CHECK(slide_along_side(1.2) > 0.5);
}

TEST_CASE("turning the whole table turns what happens on it") {
  std::mt19937 random(5);
  for (int i = 0; i < 50; ++i) {
    const double angle = uniform(random, -3, 3);
    world w = above_bar(uniform(random, -0.25, 0.25));
    world other = {turned(w.finger, angle), {turned(w.block.centre, angle), angle}};
    const point target = {uniform(random, -0.3, 0.3), uniform(random, -0.3, 0.1)};
    for (int step = 0; step < 5; ++step) {
      advance(w, target);
      advance(other, turned(target, angle));
    }
    CHECK(length(other.finger - turned(w.finger, angle)) < 1e-6);
    CHECK(length(other.block.centre - turned(w.block.centre, angle)) < 1e-6);
    CHECK(std::abs(wrapped(other.block.angle - w.block.angle - angle)) < 1e-6);
  }
}

TEST_CASE("the finger never ends inside the block, nor far from the table") {
  std::mt19937 random(6);
  double least_clearance = 1, farthest = 0;
  for (int episode = 0; episode < 200; ++episode) {
    world w = draw_start(random);
    for (int step = 0; step < 100; ++step) {
      const point around_block = {uniform(random, -0.3, 0.3), uniform(random, -0.3, 0.3)};
      advance(w, w.block.centre + around_block);
      least_clearance = std::min(least_clearance, clearance(w));
      farthest = std::max({farthest, std::abs(w.finger.x), std::abs(w.finger.y)});
    }
  }
  CHECK(least_clearance > -1e-9);
  CHECK(farthest < 1 + 1e-6);
}

TEST_CASE("coverage is 1 at the goal, 0 far away and known where the block is shifted along its bar") {
  CHECK(coverage(goal) == Approx(1));
  CHECK(coverage({{0.8, 0}, 0}) == 0);
  for (const double shift : {-0.1, 0.01, 0.05}) {
    const pose block = {goal.centre + turned({shift, 0}, goal.angle), goal.angle};
    CHECK(coverage(block) == Approx(1 - std::abs(shift) * (thickness + stem_length) / block_area));
  }
}

TEST_CASE("coverage is the share of the block's points that lie on the goal") {
  std::mt19937 random(7);
  for (int i = 0; i < 20; ++i) {
    const pose block = {{uniform(random, -0.2, 0.2), uniform(random, -0.2, 0.2)}, uniform(random, -3, 3)};
    int points = 0, covered = 0;
    constexpr double raster = 0.005;
    for (const rectangle& part : block_parts) {
      for (double x = part.left + raster / 2; x < part.right; x += raster) {
        for (double y = part.bottom + raster / 2; y < part.top; y += raster) {
          const point p = to_block(goal, to_table(block, {x, y}));
          ++points;
          covered += std::any_of(block_parts.begin(), block_parts.end(), [&](const rectangle& r) {
            return p.x > r.left && p.x < r.right && p.y > r.bottom && p.y < r.top;
          });
        }
      }
    }
    CHECK(coverage(block) == Approx(static_cast<double>(covered) / points).margin(0.01));
  }
}

TEST_CASE("the expert brings the block onto its goal from 95 of 100 starts and more, within speed and table") {
  int successes = 0;
  double fastest = 0, farthest = 0, missed = 0;
  for (unsigned seed = 0; seed < 100; ++seed) {
    std::mt19937 random(seed);
    const demonstration d = demonstrate(draw_start(random), random);
    successes += d.best_coverage >= success_coverage;
    REQUIRE(d.worlds.size() == d.targets.size() + 1);
    REQUIRE(d.targets.size() <= static_cast<std::size_t>(step_limit));
    for (std::size_t i = 0; i < d.targets.size(); ++i) {
      const point before = d.worlds[i].finger, after = d.worlds[i + 1].finger, block = d.worlds[i + 1].block.centre;
      fastest = std::max(fastest, length(d.targets[i] - before));
      missed = std::max(missed, length(d.targets[i] - after));
      farthest = std::max({farthest, std::abs(block.x), std::abs(block.y), std::abs(after.x), std::abs(after.y)});
    }
  }
  CHECK(successes >= 95);
  CHECK(fastest < largest_step + 1e-6);
  CHECK(missed < 1e-3);  // a policy that repeats the targets repeats the demonstration
  CHECK(farthest <= 1 + 1e-6);
}

TEST_CASE("a demonstration is the simulator's, repeats with its seed and differs with another") {
  std::mt19937 places(8);
  const world start = draw_start(places);
  const auto demonstrate_with = [&](unsigned seed) {
    std::mt19937 random(seed);
    return demonstrate(start, random);
  };
  const demonstration first = demonstrate_with(1), again = demonstrate_with(1), other = demonstrate_with(2);
  world w = start;
  for (std::size_t i = 0; i < first.targets.size(); ++i) {
    advance(w, first.targets[i]);
    CHECK(same(w, first.worlds[i + 1]));
  }
  REQUIRE(again.worlds.size() == first.worlds.size());
  CHECK(same(again.worlds.back(), first.worlds.back()));
  CHECK_FALSE(same(other.worlds.back(), first.worlds.back()));
}

}  // namespace pushing_tests
