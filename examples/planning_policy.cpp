// Trains a robot's planning policy from demonstrations, with and without pairing of the noise; judged by its success rate.
//
// A planner in small: a path of 8 points leads from the left edge to the right edge around a disc, over it or under it.
// Both are fine, their average runs into the disc. Flow matching learns the paths from 5,000 demonstrations, told only where
// the path starts, where it must end, and where and how large the disc is. With few steps of the sampler, unpaired
// training gives such averages. What differs between the runs is one line: which noise each demonstration gets.
#include "common/experiment.hpp"
#include "common/flow.hpp"
#include "common/gnuplot.hpp"
#include "common/matched_samples.hpp"
#include "common/networks.hpp"
#include "common/options.hpp"
#include "common/report.hpp"
#include "common/training.hpp"

#include <ATen/Parallel.h>
#include <torch/nn/functional/loss.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iostream>
#include <random>
#include <sstream>

namespace {

using namespace examples;
using torch::Tensor;

// ---------------------------------------------------------------------------------------------------------------- Data

constexpr int points = 8;  // of a path; a path is its x and y by turns, 16 values
constexpr int path_size = 2 * points;

struct task {
  float start, goal;     // y where the path starts (x = -1) and must end (x = 1)
  float disc_y, radius;  // the disc stands at x = 0
};

using path = std::array<float, path_size>;

/// The least distance between the segment from (ax, ay) to (bx, by) and (0, y).
float distance_to_segment(float ax, float ay, float bx, float by, float y) {
  const float dx = bx - ax, dy = by - ay;
  const float length = dx * dx + dy * dy;
  const float t = length > 0 ? std::clamp(((0 - ax) * dx + (y - ay) * dy) / length, 0.0f, 1.0f) : 0.0f;
  return std::hypot(ax + t * dx, ay + t * dy - y);
}

/// A path succeeds if it leads from start to goal (within 0.1) and keeps out of the disc.
bool succeeds(const float* p, const task& t) {
  if (std::hypot(p[0] + 1, p[1] - t.start) > 0.1f) return false;
  if (std::hypot(p[path_size - 2] - 1, p[path_size - 1] - t.goal) > 0.1f) return false;
  for (int i = 0; i + 1 < points; ++i) {
    if (distance_to_segment(p[2 * i], p[2 * i + 1], p[2 * i + 2], p[2 * i + 3], t.disc_y) < t.radius) return false;
  }
  return true;
}

task draw_task(std::mt19937& random) {
  const auto uniform = [&](float low, float high) {
    return low + (high - low) * static_cast<float>(random()) / 4294967296.0f;
  };
  return {uniform(-0.4f, 0.4f), uniform(-0.4f, 0.4f), uniform(-0.15f, 0.15f), uniform(0.2f, 0.3f)};
}

/// Over the disc or under it, a hand's breadth from it, like a person who steers around something.
path draw_demonstration(const task& t, std::mt19937& random) {
  const auto uniform = [&](float low, float high) {
    return low + (high - low) * static_cast<float>(random()) / 4294967296.0f;
  };
  path p;
  do {
    const float side = random() % 2 ? 1.0f : -1.0f;
    const float pass = t.disc_y + side * (t.radius + uniform(0.15f, 0.25f));  // y at x = 0
    const float width = uniform(0.35f, 0.5f), bump = pass - 0.5f * (t.start + t.goal);
    for (int i = 0; i < points; ++i) {
      const float x = -1 + 2.0f * static_cast<float>(i) / (points - 1);
      const float line = t.start + (t.goal - t.start) * (x + 1) / 2;
      const float ends = 1 - x * x;                                     // the bump vanishes at start and goal
      const float unsteady = i == 0 || i == points - 1 ? 0.0f : 0.05f;  // a hand is never quite steady between the ends
      p[2 * i] = x + uniform(-unsteady, unsteady);
      p[2 * i + 1] = line + uniform(-unsteady, unsteady) + bump * ends * std::exp(-0.5f * x * x / (width * width));
    }
  } while (!succeeds(p.data(), t));
  return p;
}

struct demonstrations {
  Tensor paths;       // (5000, 16), mean removed, standard deviation 1 over all values
  Tensor conditions;  // (5000, 4)
  Tensor mean;        // (16)
  float scale = 1;
};

Tensor condition_of(const std::vector<task>& tasks) {
  Tensor condition = torch::empty({static_cast<std::int64_t>(tasks.size()), 4});
  float* to = condition.data_ptr<float>();
  for (const task& t : tasks) {
    for (const float value : {t.start, t.goal, t.disc_y, 5 * (t.radius - 0.25f)}) *to++ = 2 * value;
  }
  return condition;
}

demonstrations draw_demonstrations(int count) {
  std::mt19937 random(2026);
  std::vector<task> tasks;
  Tensor paths = torch::empty({count, path_size});
  for (int i = 0; i < count; ++i) {
    tasks.push_back(draw_task(random));
    const path p = draw_demonstration(tasks.back(), random);
    std::copy(p.begin(), p.end(), paths.data_ptr<float>() + i * path_size);
  }
  demonstrations d;
  d.conditions = condition_of(tasks);
  d.mean = paths.mean(0);
  d.scale = (paths - d.mean).square().mean().sqrt().item<float>();
  d.paths = (paths - d.mean) / d.scale;
  return d;
}

// ---------------------------------------------------------------------------------------------------------- Evaluation

/// Tasks with start noise, the same for every run and every moment.
struct examination {
  std::vector<task> tasks;
  Tensor conditions;  // (N, 4)
  Tensor noise;       // (N, 16)

  explicit examination(std::vector<task> given)
      : tasks(std::move(given)),
        conditions(condition_of(tasks)),
        noise(start_noise({static_cast<std::int64_t>(tasks.size()), path_size})) {}
};

/// 4,000 new tasks for the success rate.
examination draw_examination() {
  std::mt19937 random(7);
  std::vector<task> tasks(4000);
  for (task& t : tasks) t = draw_task(random);
  return examination(tasks);
}

constexpr int shown_paths = 100;  // of each task in the picture

/// Three tasks for the picture, many paths each.
examination shown_tasks() {
  std::vector<task> tasks;
  for (const task& t :
       {task{-0.3f, 0.3f, 0.05f, 0.3f}, task{0.4f, 0.2f, 0.1f, 0.2f}, task{-0.1f, -0.1f, -0.1f, 0.25f}}) {
    tasks.insert(tasks.end(), shown_paths, t);
  }
  return examination(tasks);
}

/// One path for each task -> (N, 16), in the units of the plane.
///
/// @param path_scale  of the paths that the policy learned from.
Tensor plan(residual_mlp& policy, const demonstrations& data, const examination& exam, double path_scale,
            int euler_steps) {
  const auto velocity = [&](const Tensor& x, const Tensor& t) { return policy.forward(x, t, exam.conditions); };
  return euler_sample(exam.noise, euler_steps, velocity) / path_scale * data.scale + data.mean;
}

/// @param paths  of the policy, one for each task.
double success_rate(const Tensor& paths, const examination& exam) {
  int successes = 0;
  for (std::size_t i = 0; i < exam.tasks.size(); ++i) {
    successes += succeeds(paths.data_ptr<float>() + i * path_size, exam.tasks[i]);
  }
  return static_cast<double>(successes) / static_cast<double>(exam.tasks.size());
}

// ------------------------------------------------------------------------------------------------------------ Training

run train(const job& j, const demonstrations& data, const examination& exam) {
  training<residual_mlp> training(j, make_network<residual_mlp>(j.key(), path_size, 4, 128, 3),
                                  {3e-3, 0.99, 0.8 * flow_power(j)});
  matched_samples batches(j, data.paths, data.conditions, training.step());  // all that differs between the runs
  const auto plan_for = [&](const examination& tasks, int euler_steps) {
    return plan(training.average(), data, tasks, j.sample_scale(), euler_steps);
  };
  const auto quality = [&](int euler_steps) { return success_rate(plan_for(exam, euler_steps), exam); };

  while (training.begin_step()) {
    const matched_batch batch = training.wait_for([&] { return batches.next(); });
    const Tensor& paths = batch.samples;  // (B, 16)
    const Tensor t = draw_times(paths.size(0), training.random());
    const Tensor velocity = training.network().forward(point_on_line(batch.noise, paths, t), t, batch.conditions);
    training.end_step(torch::nn::functional::mse_loss(velocity, paths - batch.noise));
    if (training.is_evaluation_due()) training.record(quality(j.options.sampler_steps.front()));
  }
  if (!training.is_finished()) {
    std::vector<double> rates;
    for (const int euler_steps : j.options.sampler_steps) rates.push_back(quality(euler_steps));
    training.finish(rates, {}, plan_for(shown_tasks(), j.options.sampler_steps.front()));
  }
  return training.result();
}

// -------------------------------------------------------------------------------------------------------------- Report

/// One row for each pairing, one column for each of three tasks: the disc, and the paths from the same start noise.
bool draw_paths(const std::string& file, const trainer_options& options, const comparison& result) {
  const examination shown = shown_tasks();
  const auto rows = options.pairings.size();
  std::ostringstream script;
  script
      << picture_header(file, 1200, static_cast<int>(60 + 270 * rows)) << "set multiplot layout " << rows
      << ",3 title 'Paths at " << options.sampler_steps.front()
      << " Euler steps, from the same start noise (red: runs into the disc or misses its ends)' font 'DejaVu Sans,15'\n"
      << "unset key; unset tics; unset grid; unset border\nset xrange [-1.12:1.12]; set yrange [-0.68:0.68]\n"
      << "set size ratio -1\n";
  for (const std::string& pairing : options.pairings) {
    const std::vector<float>& paths = result.first_run(pairing).samples;
    for (std::size_t column = 0; column < 3; ++column) {
      const task& t = shown.tasks[column * shown_paths];
      int failures = 0;
      for (const bool good : {true, false}) {
        script << (good ? "$good" : "$bad") << " << END\n9 9\n\n";  // outside: no block is ever empty
        for (std::size_t i = column * shown_paths; i < (column + 1) * shown_paths; ++i) {
          const float* p = paths.data() + i * path_size;
          if (succeeds(p, t) != good) continue;
          failures += !good;
          for (int j = 0; j < points; ++j) script << p[2 * j] << ' ' << p[2 * j + 1] << '\n';
          script << '\n';
        }
        script << "END\n";
      }
      script << "set title 'pairing " << pairing << ": " << shown_paths - failures << " of " << shown_paths
             << " succeed' noenhanced offset 0,-0.5\nset object 1 circle at 0," << t.disc_y << " size " << t.radius
             << " fc rgb '#bbbbbb' fillstyle solid noborder behind\n"
             << "plot $good with lines lw 0.8 lc rgb '#802e86ab', $bad with lines lw 0.8 lc rgb '#30d1495b', "
             << "'-' with points pt 7 ps 1.4 lc rgb '#222222'\n-1 " << t.start << "\n1 " << t.goal << "\ne\n";
    }
  }
  return draw(script.str());
}

void compare(trainer_options options) {
  complete(options, options.smoke ? 100 : 2400, 128);
  const auto one_core_each = [] { at::set_num_threads(1); };
  one_core_each();  // the demonstrations too: sums depend on the number of threads
  const demonstrations data = draw_demonstrations(5000);
  const examination exam = draw_examination();
  const comparison result(options, {"success rate", /*higher is better*/ true, 3},
                          run_all(options, one_core_each, [&](const job& j) { return train(j, data, exam); }));
  result.print(std::cout);
  result.write_csv(options.out + "/runs.csv");
  result.write_json(options.out + "/report.json");
  std::cout << "\nWritten: " << options.out << "/runs.csv, report.json";
  if (result.draw_curves(options.out + "/curve.png", "Planning policy: success rate of 4,000 new tasks") &&
      draw_paths(options.out + "/paths.png", options, result)) {
    std::cout << ", curve.png, paths.png";
  }
  std::cout << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  trainer_options options;
  options.sampler_steps = {4, 2, 10};
  options.out = "results/planning_policy";
  return run_program("planning_policy",
                     "Trains a planning policy with and without pairing of the noise and compares them.", argc, argv,
                     options, [&] { compare(options); });
}
