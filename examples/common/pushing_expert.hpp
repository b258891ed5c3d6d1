// A scripted expert that pushes the block onto its goal: the demonstrations that a policy learns from.
//
// Push by push: it draws some straight pushes at random (where on the block's side, which way, how far), tries each in the
// simulator, takes the one after which least time should be left, walks around the block to its start and does it. The
// draws differ from time to time, so that one start has many good demonstrations.
#pragma once

#include "pushing.hpp"

#include <limits>

namespace examples::pushing {

constexpr double pushing_step = 0.04;     ///< the expert's speed at the block: half of what the finger can do
constexpr double expert_coverage = 0.95;  ///< where the expert stops: more than it takes
constexpr int step_limit = 250;           ///< of an episode of the expert; a policy ends with the plan that reaches it

/// Steps of one episode.
struct demonstration {
  std::vector<world> worlds;   ///< before each step, and at the end: one more than targets
  std::vector<point> targets;  ///< where each step sends the finger
  double best_coverage = 0;
};

/// One demonstration from this start; random draws decide which.
demonstration demonstrate(const world& start, std::mt19937& random);

/// How far the block is from its goal, as a length: 0.2 for a turn by one radian.
inline double pose_error(const pose& block) {
  constexpr double per_radian = 0.2;
  return std::hypot(length(block.centre - goal.centre), per_radian * wrapped(block.angle - goal.angle));
}

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

constexpr double near_block = 0.02;  // the finger's distance where a push starts and ends, and on its way around

/// The finger's way to the start of a push, and the push.
struct plan {
  std::vector<point> walk;  // points of a path, the first is where the finger is, the last where the push starts
  point push_end;
  double expected_steps = std::numeric_limits<double>::infinity();  // of this plan and of all that is left after it
};

inline bool is_on_table(point p) { return std::abs(p.x) <= 1 && std::abs(p.y) <= 1; }

/// The finger can go straight from a to b and keep away from the block.
inline bool is_free(const pose& block, point a, point b) {
  constexpr double stride = 0.03, gap = 0.01;
  const int strides = static_cast<int>(length(b - a) / stride) + 1;
  for (int i = 0; i <= strides; ++i) {
    const point p = a + static_cast<double>(i) / strides * (b - a);
    if (length(p - block.centre) > block_radius + finger_radius + gap) continue;
    if (clearance({p, block}) < gap) return false;
  }
  return true;
}

inline double path_length(const std::vector<point>& path) {
  double sum = 0;
  for (std::size_t i = 1; i < path.size(); ++i) sum += length(path[i] - path[i - 1]);
  return sum;
}

/// Where the finger can pass the block's outer corners: a way around, counterclockwise.
inline std::array<point, 6> way_around(const pose& block) {
  constexpr double out = finger_radius + near_block;
  const auto& [bar, stem] = block_parts;
  return {to_table(block, {bar.left - out, bar.bottom - out}),    to_table(block, {stem.left - out, stem.bottom - out}),
          to_table(block, {stem.right + out, stem.bottom - out}), to_table(block, {bar.right + out, bar.bottom - out}),
          to_table(block, {bar.right + out, bar.top + out}),      to_table(block, {bar.left - out, bar.top + out})};
}

/// The shortest path from the finger to a point: straight, or around the block one way or the other; empty if none is free.
inline std::vector<point> walk_to(const world& w, point end) {
  std::vector<point> start = {w.finger};
  for (int part = 0; part < 6 && clearance({start.back(), w.block}) < near_block;
       ++part) {                                                 // away from the block first
    const contact c = nearest_contact({start.back(), w.block});  // in the inner corner from bar and stem by turns
    start.push_back(start.back() - (1.5 * near_block + c.depth) * c.normal);
  }
  const point away = start.back();
  std::vector<point> best;
  const auto consider = [&](const std::vector<point>& through) {
    std::vector<point> path = start;
    path.insert(path.end(), through.begin(), through.end());
    path.push_back(end);
    if (best.empty() || path_length(path) < path_length(best)) best = path;
  };
  if (is_free(w.block, away, end)) {
    consider({});
    return best;
  }
  const auto around = way_around(w.block);
  std::array<bool, 6> from_away, to_end;
  for (std::size_t i = 0; i < 6; ++i) {
    from_away[i] = is_on_table(around[i]) && is_free(w.block, away, around[i]);
    to_end[i] = is_on_table(around[i]) && is_free(w.block, around[i], end);
  }
  for (std::size_t first = 0; first < 6; ++first) {
    if (!from_away[first]) continue;
    for (const std::size_t turn : {std::size_t{1}, std::size_t{5}}) {  // one corner forward or, modulo 6, backward
      std::vector<point> through;
      for (std::size_t i = 0, at = first; i < 4 && is_on_table(around[at]); ++i, at = (at + turn) % 6) {
        through.push_back(around[at]);
        if (to_end[at]) consider(through);
      }
    }
  }
  return best;
}

/// A random push: a point of the block's outline, met from outside at a random angle to the side's normal.
struct push_choice {
  point start, direction;
};

inline push_choice draw_push(const pose& block, std::mt19937& random) {
  constexpr double widest_angle = 0.5;
  const rectangle& part = block_parts[uniform(random, 0, bar_length + stem_length) < bar_length ? 0 : 1];
  const double width = part.right - part.left, height = part.top - part.bottom;
  const double along = uniform(random, 0, 2 * (width + height));
  point at, inwards;
  if (along < 2 * width) {
    const bool upper = along < width;
    at = {part.left + (upper ? along : along - width), upper ? part.top : part.bottom};
    inwards = {0, upper ? -1.0 : 1.0};
  } else {
    const double height_along = along - 2 * width;
    const bool right = height_along < height;
    at = {right ? part.right : part.left, part.bottom + (right ? height_along : height_along - height)};
    inwards = {right ? -1.0 : 1.0, 0};
  }
  const point direction = turned(inwards, uniform(random, -widest_angle, widest_angle));
  const point touching = at - finger_radius * inwards;
  return {to_table(block, touching - near_block * direction), turned(direction, block.angle)};
}

/// Does the push in the simulator and finds where to end it.
inline plan try_push(const world& w, const push_choice& push) {
  constexpr double longest_push = 0.8, steps_per_error = 120, block_bound = 0.75;
  plan p;
  world imagined = {push.start, w.block};
  if (!is_on_table(push.start) || clearance(imagined) < near_block / 2) return p;
  const double helpful = 0.9 * pose_error(w.block);
  double way = 0, least_steps = std::numeric_limits<double>::infinity();
  while (way < longest_push) {
    way += substep;
    advance(imagined, push.start + way * push.direction);
    const pose& block = imagined.block;
    if (std::max(std::abs(block.centre.x), std::abs(block.centre.y)) > block_bound) break;
    const double error = pose_error(block), steps = way / pushing_step + steps_per_error * error;
    least_steps = std::min(least_steps, steps);
    if (error < helpful && steps < p.expected_steps) {
      p.expected_steps = steps;
      p.push_end = imagined.finger;
    }
    if (steps > least_steps + 10) break;
  }
  return p;
}

/// The best of some random pushes, the walk to it counted; without a walk if none helps.
inline plan choose_push(const world& w, std::mt19937& random) {
  constexpr int tries = 60, most_tries = 1200;
  plan best;
  for (int i = 0; i < tries || (best.walk.empty() && i < most_tries); ++i) {
    const push_choice push = draw_push(w.block, random);
    plan p = try_push(w, push);
    if (p.expected_steps + length(push.start - w.finger) / largest_step >= best.expected_steps) continue;
    p.walk = walk_to(w, push.start);
    if (p.walk.empty()) continue;
    p.expected_steps += path_length(p.walk) / largest_step;
    if (p.expected_steps < best.expected_steps) best = p;
  }
  return best;
}

/// Sends the finger along a path, `stride` a step, until the episode ends.
inline void follow(demonstration& d, const std::vector<point>& path, double stride) {
  world w = d.worlds.back();
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    const int steps = static_cast<int>(std::ceil(length(path[i + 1] - path[i]) / stride - 1e-9));
    for (int s = 1; s <= steps; ++s) {
      if (d.targets.size() == static_cast<std::size_t>(step_limit)) return;
      const double part = std::min(1.0, s * stride / length(path[i + 1] - path[i]));
      d.targets.push_back(path[i] + part * (path[i + 1] - path[i]));
      advance(w, d.targets.back());
      d.worlds.push_back(w);
      d.best_coverage = std::max(d.best_coverage, coverage(w.block));
    }
  }
}

}  // namespace detail

inline demonstration demonstrate(const world& start, std::mt19937& random) {
  demonstration d;
  d.worlds = {start};
  d.best_coverage = coverage(start.block);
  while (d.best_coverage < expert_coverage && d.targets.size() < static_cast<std::size_t>(step_limit)) {
    const detail::plan p = detail::choose_push(d.worlds.back(), random);
    if (p.walk.empty()) break;
    detail::follow(d, p.walk, largest_step);
    detail::follow(d, {p.walk.back(), p.push_end}, pushing_step);
  }
  return d;
}

}  // namespace examples::pushing
