// Pushing a T-shaped block over a table with a round finger: the simulator, and how well the block covers its goal.
//
// Everything is slow, so that friction with the table decides the motion and nothing has momentum (quasi-static). The
// block's velocity belongs to the force on it as the normal of an ellipsoidal limit surface does: a force f at the
// centre shifts the block along f, a torque m turns it by m / turning_length^2. The finger's contact sticks or slides by
// Coulomb's law. Each substep takes the depth by which the finger has entered the block and moves the block out of it.
//
// Lengths are in half sides of the table, angles in radians, a step is a tenth of a second. The block's own frame: origin
// in its centre of area, the bar above, the stem below.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

namespace examples::pushing {

struct point {
  double x = 0, y = 0;
};

inline point operator+(point a, point b) { return {a.x + b.x, a.y + b.y}; }
inline point operator-(point a, point b) { return {a.x - b.x, a.y - b.y}; }
inline point operator*(double s, point a) { return {s * a.x, s * a.y}; }
inline double dot(point a, point b) { return a.x * b.x + a.y * b.y; }
inline double cross(point a, point b) { return a.x * b.y - a.y * b.x; }
inline double length(point a) { return std::hypot(a.x, a.y); }

/// The vector turned by an angle, counterclockwise.
inline point turned(point a, double angle) {
  const double c = std::cos(angle), s = std::sin(angle);
  return {c * a.x - s * a.y, s * a.x + c * a.y};
}

/// Where the block's centre of area is, and how far it is turned.
struct pose {
  point centre;
  double angle = 0;
};

inline point to_table(const pose& block, point p) { return block.centre + turned(p, block.angle); }
inline point to_block(const pose& block, point p) { return turned(p - block.centre, -block.angle); }

/// With sides along the axes.
struct rectangle {
  double left, bottom, right, top;
  constexpr double area() const { return (right - left) * (top - bottom); }
};

// The block.
constexpr double thickness = 0.15, bar_length = 0.5, stem_length = 0.35;
constexpr double block_area = thickness * (bar_length + stem_length);
constexpr double bar_bottom = thickness * stem_length * stem_length / 2 / block_area -  // the centre of area is 0
                              thickness * bar_length * thickness / 2 / block_area;
constexpr std::array<rectangle, 2> block_parts = {
    rectangle{-bar_length / 2, bar_bottom, bar_length / 2, bar_bottom + thickness},
    rectangle{-thickness / 2, bar_bottom - stem_length, thickness / 2, bar_bottom}};
constexpr double block_radius = 0.34;  ///< of a circle around the centre that holds the block
constexpr double turning_length =
    0.167;  ///< torque per force of the limit surface: the points' mean distance from the centre

// The finger.
constexpr double finger_radius = 0.06;
constexpr double finger_friction = 0.3;
constexpr double largest_step = 0.08;  ///< the finger's way in one step, at most
constexpr double substep = 0.01;       ///< the finger's way between two looks at the contact, at most

constexpr pose goal = {{0, 0}, 0.7853981633974483};
constexpr double success_coverage = 0.9;

/// All that moves.
struct world {
  point finger;  ///< its centre; keeps to the table, [-1, 1] x [-1, 1]
  pose block;
};

/// Where the finger touches the block.
struct contact {
  point at;      ///< of the block
  point normal;  ///< from the finger into the block
  double depth;  ///< how far the finger has entered; negative: its distance
};

/// The point of the block that is deepest in the finger, or nearest to it.
contact nearest_contact(const world& w);

/// The finger's distance from the block; negative where it has entered.
inline double clearance(const world& w) { return -nearest_contact(w).depth; }

/// Moves the finger towards `target` for one step, by `largest_step` at most, and the block out of its way.
///
/// The finger never ends inside the block. Nothing holds the block on the table: where the finger cannot reach, it stays.
void advance(world& w, point target);

/// How much of the goal's area the block covers, 0 to 1.
double coverage(const pose& block);

/// A random place for the block, not on its goal, and for the finger, not at the block.
world draw_start(std::mt19937& random);

/// Uniform in [low, high); the same with every standard library.
inline double uniform(std::mt19937& random, double low, double high) {
  return low + (high - low) * static_cast<double>(random()) / 4294967296.0;
}

/// An angle's equal in [-pi, pi].
inline double wrapped(double angle) { return std::remainder(angle, 2 * 3.14159265358979323846); }

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

/// Both in the block's frame: from a circle to a rectangle.
inline contact contact_with(const rectangle& r, point circle) {
  const point nearest = {std::clamp(circle.x, r.left, r.right), std::clamp(circle.y, r.bottom, r.top)};
  const point way = nearest - circle;
  const double distance = length(way);
  if (distance > 0) return {nearest, 1 / distance * way, finger_radius - distance};
  // The circle's centre is inside: out by the nearest side.
  const std::array<contact, 4> sides = {contact{{r.left, circle.y}, {1, 0}, circle.x - r.left},
                                        {{r.right, circle.y}, {-1, 0}, r.right - circle.x},
                                        {{circle.x, r.bottom}, {0, 1}, circle.y - r.bottom},
                                        {{circle.x, r.top}, {0, -1}, r.top - circle.y}};
  contact found = *std::min_element(sides.begin(), sides.end(), [](auto& a, auto& b) { return a.depth < b.depth; });
  found.depth += finger_radius;
  return found;
}

/// Moves the block so that the contact's point follows the finger: by `depth` along the normal and, as far as friction
/// holds, by `slip` across it.
inline void push(pose& block, const contact& c, double slip) {
  constexpr double per_torque = 1 / (turning_length * turning_length);
  const point across = {-c.normal.y, c.normal.x}, lever = c.at - block.centre;
  const double normal_lever = cross(lever, c.normal), across_lever = cross(lever, across);
  // The motion of the contact's point under a force (normal, across) is this symmetric matrix times the force.
  const double nn = 1 + normal_lever * normal_lever * per_torque, aa = 1 + across_lever * across_lever * per_torque,
               na = normal_lever * across_lever * per_torque, determinant = nn * aa - na * na;
  double normal_force = (aa * c.depth - na * slip) / determinant;
  double across_force = (nn * slip - na * c.depth) / determinant;
  if (std::abs(across_force) > finger_friction * normal_force) {  // does not stick
    const double friction = std::copysign(finger_friction, across_force);
    normal_force = c.depth / (nn + friction * na);
    across_force = friction * normal_force;
  }
  const point force = normal_force * c.normal + across_force * across;
  block.centre = block.centre + force;
  block.angle = wrapped(block.angle + cross(lever, force) * per_torque);
}

using polygon = std::vector<point>;

/// The part of a polygon left of the line from a to b.
inline polygon left_of(const polygon& p, point a, point b) {
  polygon kept;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const point from = p[i], to = p[(i + 1) % p.size()];
    const double before = cross(b - a, from - a), after = cross(b - a, to - a);
    if (before >= 0) kept.push_back(from);
    if ((before >= 0) != (after >= 0)) kept.push_back(from + before / (before - after) * (to - from));
  }
  return kept;
}

inline polygon corners(const rectangle& r, const pose& block) {
  return {to_table(block, {r.left, r.bottom}), to_table(block, {r.right, r.bottom}), to_table(block, {r.right, r.top}),
          to_table(block, {r.left, r.top})};
}

inline double area(const polygon& p) {
  double twice = 0;
  for (std::size_t i = 0; i < p.size(); ++i) twice += cross(p[i], p[(i + 1) % p.size()]);
  return twice / 2;
}

}  // namespace detail

inline contact nearest_contact(const world& w) {
  const point finger = to_block(w.block, w.finger);
  const contact bar = detail::contact_with(block_parts[0], finger), stem = detail::contact_with(block_parts[1], finger);
  const contact& deepest = bar.depth > stem.depth ? bar : stem;
  return {to_table(w.block, deepest.at), turned(deepest.normal, w.block.angle), deepest.depth};
}

inline void advance(world& w, point target) {
  target = {std::clamp(target.x, -1.0, 1.0), std::clamp(target.y, -1.0, 1.0)};
  const point way = target - w.finger;
  const double distance = length(way), travelled = std::min(distance, largest_step);
  if (distance == 0) return;
  const int substeps = static_cast<int>(std::ceil(travelled / substep - 1e-9));
  const point motion = travelled / distance / substeps * way;
  constexpr double touching = 1e-9;
  constexpr int rounds = 50;  // the finger may touch bar and stem at once, and turning makes it enter again
  for (int s = 0; s < substeps; ++s) {
    w.finger = w.finger + motion;
    if (length(w.finger - w.block.centre) > block_radius + finger_radius) continue;
    for (int round = 0; round < rounds; ++round) {
      const contact c = nearest_contact(w);
      if (c.depth <= touching) break;
      const double slip = round == 0 ? dot(motion, {-c.normal.y, c.normal.x}) : 0;
      detail::push(w.block, c, slip);
    }
  }
}

inline double coverage(const pose& block) {
  if (length(block.centre - goal.centre) > 2 * block_radius) return 0;
  double common = 0;
  for (const rectangle& part : block_parts) {
    for (const rectangle& wanted : block_parts) {
      const detail::polygon clip = detail::corners(wanted, goal);
      detail::polygon p = detail::corners(part, block);
      for (std::size_t i = 0; i < 4; ++i) p = detail::left_of(p, clip[i], clip[(i + 1) % 4]);
      common += detail::area(p);
    }
  }
  return std::min(common / block_area, 1.0);
}

inline world draw_start(std::mt19937& random) {
  constexpr double reach = 0.6, gap = 0.05;
  world w;
  do {
    w.block.centre.x = uniform(random, -reach, reach);  // one by one: the order of arguments is the compiler's
    w.block.centre.y = uniform(random, -reach, reach);
    w.block.angle = uniform(random, -3.14159265358979323846, 3.14159265358979323846);
  } while (coverage(w.block) > 0.5);
  do {
    w.finger.x = uniform(random, -1, 1);
    w.finger.y = uniform(random, -1, 1);
  } while (clearance(w) < gap);
  return w;
}

}  // namespace examples::pushing
