// What pairing does to the noise of your images: is it still Gaussian, how near, how miscible? In a table, in words, in pictures.
//
//   diagnose                                    Fashion-MNIST
//   diagnose --images latents.npy --batch 64    your own, as the trainer adds noise to them
//
// Exact pairing within the batch, nearest of k by distance and by inner product, the flipped ablation, and plain noise: all get the
// same draws.
#include "common/gnuplot.hpp"
#include "common/npy.hpp"
#include "common/progress.hpp"

#include <immiscible/diagnostics.hpp>
#include <immiscible/immiscible.hpp>

#include <zlib.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using immiscible::batch;
using immiscible::matrix_view;
using immiscible::method;

struct command_line {
  std::string images, data_dir = "/usr/share/datasets/fashion-mnist", out = "results/diagnose";
  std::size_t batch = 128, draws = 200, candidates = 8;
  std::uint64_t seed = 0;
  bool pictures = true;
};

// ---------------------------------------------------------------------------------------------------------------- Images

/// Rows [n, d] that own their values.
struct samples {
  std::size_t n = 0, d = 0;
  std::vector<float> values;

  batch<float> view() const { return {values.data(), n, d}; }
};

/// The first pictures of Fashion-MNIST, in [-1, 1].
samples fashion_mnist(const std::string& folder, std::size_t n) {
  constexpr std::size_t d = 784, header = 16, all = 60000;
  const std::string path = folder + "/train-images-idx3-ubyte.gz";
  std::vector<std::uint8_t> bytes(header + std::min(n, all) * d);
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (!file ||
      gzread(file.get(), bytes.data(), static_cast<unsigned>(bytes.size())) != static_cast<int>(bytes.size())) {
    throw std::runtime_error("needs " + path + " (Debian: apt install dataset-fashion-mnist), or --images");
  }
  samples read{std::min(n, all), d, {}};
  for (std::size_t k = header; k < bytes.size(); ++k) read.values.push_back(static_cast<float>(bytes[k]) / 127.5f - 1);
  return read;
}

samples images_for(const command_line& o) {
  if (o.images.empty()) return fashion_mnist(o.data_dir, o.batch);
  const npy::array file = npy::load(o.images);
  if (file.shape.empty() || file.shape[0] < o.batch) {
    throw npy::error(o.images, "needs shape [n, ...] with n >= " + std::to_string(o.batch) + " (--batch)");
  }
  samples read{o.batch, 1, npy::elements<float>(file)};
  for (std::size_t axis = 1; axis < file.shape.size(); ++axis) read.d *= file.shape[axis];
  read.values.resize(read.n * read.d);
  return read;
}

// ------------------------------------------------------------------------------------------------------------ Measuring

/// One way of pairing, and what it did.
struct way {
  std::string name, colour;
  immiscible::noise_matcher_options options;
  double mean_distance = 0, miscibility = 0, apart = 0, by_chance = 0;
  immiscible::noise_report noise;
  std::vector<double> distances;  // of single pairs, in per cent above what each image's would be at random
};

std::vector<way> ways_of(const command_line& o) {
  immiscible::noise_matcher_options base;
  base.seed = o.seed;
  base.pairing.candidates = o.candidates;
  const std::string k = std::to_string(o.candidates);
  std::vector<way> ways = {{"random", "#7f7f7f", base, 0, 0, 0, 0, {}, {}},
                           {"exact", "#d1495b", base, 0, 0, 0, 0, {}, {}},
                           {"nearest of " + k, "#2e86ab", base, 0, 0, 0, 0, {}, {}},
                           {"nearest of " + k + ", by product", "#c98a1b", base, 0, 0, 0, 0, {}, {}},
                           {"exact, flipped", "#3a9d5d", base, 0, 0, 0, 0, {}, {}}};
  ways[0].options.pairing.method = method::none;
  ways[2].options.pairing.method = ways[3].options.pairing.method = method::drawn_nearest;
  ways[3].options.pairing.cost = immiscible::cost_function::inner_product;
  ways[4].options.flip = true;
  return ways;
}

void measure(way& w, const samples& images, std::size_t draws, examples::progress_bar& progress) {
  const std::size_t n = images.n, d = images.d;
  const std::size_t examined = std::min(draws, (1024 + n - 1) / n);  // draws whose rows are tested together
  immiscible::noise_matcher match(w.options);
  immiscible::centroid_accumulator centroids;
  std::vector<float> noise_rows, image_rows, zeros(d, 0.0f);
  for (std::uint64_t draw = 0; draw < draws; ++draw) {
    const batch<float> noise = match(images.view(), draw).noise;
    centroids.add(noise);
    w.mean_distance += immiscible::mean_distance(images.view(), noise) / static_cast<double>(draws);
    if (w.distances.size() < 20'000) {
      for (std::size_t i = 0; i < n; ++i) {
        const batch<float> x(images.view().row(i), 1, d), e(noise.row(i), 1, d), nothing(zeros.data(), 1, d);
        const double expected = std::hypot(immiscible::mean_distance(x, nothing), std::sqrt(static_cast<double>(d)));
        w.distances.push_back(100 * (immiscible::mean_distance(x, e) / expected - 1));
      }
    }
    if (draw < examined) {
      noise_rows.insert(noise_rows.end(), noise.data(), noise.data() + n * d);
      image_rows.insert(image_rows.end(), images.values.begin(), images.values.end());
    }
    progress.advance();
  }
  w.noise = immiscible::examine_noise(batch<float>(noise_rows.data(), examined * n, d),
                                      batch<float>(image_rows.data(), examined * n, d));
  w.miscibility = centroids.miscibility_score();
  w.apart = centroids.distance_above_chance();
  w.by_chance = centroids.score_of_plain_noise();
}

// ------------------------------------------------------------------------------------------------------ Table and words

double change_of(const way& w, const way& random) { return w.mean_distance / random.mean_distance - 1; }

/// True if a test of the noise alone objects.
bool is_not_gaussian(const immiscible::noise_report& r) {
  return std::abs(r.mean_z) > 5 || std::abs(r.squares_z) > 5 || r.largest_z > 5 || r.ks_values_p < 1e-6 ||
         r.ks_lengths_p < 1e-6;
}

void print_table(const std::vector<way>& ways) {
  std::printf("%-26s%10s%11s%10s%9s%10s%10s%12s%13s\n", "", "distance", "alignment", "|e|^2/d", "(z)", "values p",
              "lengths p", "eigenvalue", "miscibility");
  for (const way& w : ways) {
    std::printf("%-26s%+8.2f %%%11.2f%10.4f%9.1f%10.2g%10.2g%6.2f/%-5.2f%7.2f/%-5.2f\n", w.name.c_str(),
                100 * change_of(w, ways[0]), w.noise.alignment, w.noise.squares, w.noise.squares_z, w.noise.ks_values_p,
                w.noise.ks_lengths_p, w.noise.largest_eigenvalue, w.noise.upper_edge, w.miscibility, w.apart);
  }
  std::printf(
      "\ndistance     change of the mean distance from image to noise\n"
      "alignment    standard deviations that noise leans towards its own image\n"
      "|e|^2/d      squared length of the noise, 1 for N(0, I), and its z score\n"
      "... p        Kolmogorov-Smirnov: single values against N(0, 1), lengths against chi-square\n"
      "eigenvalue   largest of the noise's covariance / where it ends for N(0, I)\n"
      "miscibility  mean distance between the centroids of the noise of different images (%.2f by chance, from so few\n"
      "             draws) / what is left without chance\n",
      ways[0].by_chance);
}

std::string words_for(const way& w, const way& random) {
  char text[400];
  const double nearer = -100 * change_of(w, random);
  std::string words = w.name + ": ";
  if (w.options.flip) {
    std::snprintf(text, sizeof text,
                  "the noise is %.2f %% farther than random noise, yet as much each image's own: "
                  "the centroids lie %.2f apart.",
                  -nearer, w.apart);
    return words + text;
  }
  std::snprintf(text, sizeof text,
                "the noise comes %.2f %% nearer, and the centroids of the noises of different images lie %.2f apart.",
                nearer, w.apart);
  words += text;
  if (w.noise.squares < 0.995 && w.noise.squares_z < -5) {
    std::snprintf(text, sizeof text,
                  " It shortened the noise to %.3f of its squared length, so part of its gain in "
                  "distance is no nearness; sampling starts from noise of full length.",
                  w.noise.squares);
    words += text;
  } else if (is_not_gaussian(w.noise)) {
    words += " The noise is no longer N(0, I).";
  } else {
    words += " Taken together, the noise is still N(0, I) as far as these tests see.";
  }
  return words;
}

void write_json(const std::string& file, const command_line& o, const samples& images, const std::vector<way>& ways) {
  nlohmann::ordered_json out;
  out["batch"] = images.n;
  out["values"] = images.d;
  out["draws"] = o.draws;
  for (const way& w : ways) {
    nlohmann::ordered_json one;
    one["pairing"] = w.name;
    one["mean_distance"] = w.mean_distance;
    one["distance_change"] = change_of(w, ways[0]);
    one["alignment"] = w.noise.alignment;
    one["noise_squares"] = w.noise.squares;
    one["noise_squares_z"] = w.noise.squares_z;
    one["noise_mean_z"] = w.noise.mean_z;
    one["values_p"] = w.noise.ks_values_p;
    one["lengths_p"] = w.noise.ks_lengths_p;
    one["largest_eigenvalue"] = w.noise.largest_eigenvalue;
    one["upper_edge"] = w.noise.upper_edge;
    one["largest_eigenvalue_z"] = w.noise.largest_z;
    one["miscibility"] = w.miscibility;
    one["miscibility_by_chance"] = w.by_chance;
    one["centroids_apart_above_chance"] = w.apart;
    for (const auto& along : w.noise.directions) {
      one["directions"].push_back({{"share", along.share},
                                   {"noise_mean_z", along.mean_z},
                                   {"noise_variance", along.variance},
                                   {"noise_variance_z", along.variance_z}});
    }
    out["pairings"].push_back(one);
  }
  std::ofstream(file) << out.dump(2) << '\n';
}

// -------------------------------------------------------------------------------------------------------------- Pictures

/// Share of the pairs by distance, a curve for each way.
bool draw_distances(const std::string& file, const std::vector<way>& ways) {
  double least = ways[0].distances[0], most = least;
  for (const way& w : ways) {
    const auto [low, high] = std::minmax_element(w.distances.begin(), w.distances.end());
    least = std::min(least, *low);
    most = std::max(most, *high);
  }
  constexpr int bins = 50;
  const double width = std::max(1e-12, (most - least) / bins);
  std::ostringstream script;
  script << examples::picture_header(file, 860, 460)
         << "set xlabel 'distance from image to noise, per cent above what is expected at random'; set ylabel 'share "
            "of the pairs'\n"
         << "unset ytics; set key outside top center horizontal; set format x '%+g'\n";
  for (std::size_t w = 0; w < ways.size(); ++w) {
    std::vector<double> share(bins + 1, 0.0);
    for (const double x : ways[w].distances) share[static_cast<std::size_t>((x - least) / width)] += 1;
    script << "$way" << w << " << END\n";
    for (int b = 0; b <= bins; ++b) {
      script << least + (b + 0.5) * width << ' ' << share[static_cast<std::size_t>(b)] << '\n';
    }
    script << "END\n";
  }
  script << "plot ";
  for (std::size_t w = 0; w < ways.size(); ++w) {
    script << (w ? ", " : "") << "$way" << w << " smooth csplines lw 2.5 lc rgb '" << ways[w].colour << "' title "
           << examples::quoted(ways[w].name);
  }
  script << '\n';
  return examples::draw(script.str());
}

/// A toy in the plane: eight images on a circle. Above: which image got which noise. Below: the points half-way between both.
bool draw_noise_map(const std::string& file, const command_line& o) {
  constexpr std::size_t images = 8, copies = 16, n = images * copies;
  constexpr std::uint64_t draws = 24;
  const char* colours[images] = {"#d1495b", "#edae49", "#66a182", "#2e4057",
                                 "#8d6a9f", "#00798c", "#c26e3a", "#7f7f7f"};
  struct panel {
    std::string title;
    method how;
    double scale;
    bool flip, half_way;
  };
  const std::string k = std::to_string(o.candidates);
  const std::vector<panel> panels = {{"noise, random", method::none, 1, false, false},
                                     {"noise, exact", method::exact, 1, false, false},
                                     {"noise, nearest of " + k, method::drawn_nearest, 1, false, false},
                                     {"noise, exact and flipped", method::exact, 1, true, false},
                                     {"half-way, random", method::none, 1, false, true},
                                     {"half-way, exact", method::exact, 1, false, true},
                                     {"half-way, random, images x 2", method::none, 2, false, true},
                                     {"half-way, random, images x 4", method::none, 4, false, true}};
  std::ostringstream script;
  script << examples::picture_header(file, 1160, 620)
         << "set multiplot layout 2,4; unset key; unset tics; set size ratio -1; unset grid; set lmargin 1; set "
            "rmargin 1\n"
         << "set tmargin 2; set bmargin 0.5\n";
  for (const panel& p : panels) {
    samples toy{n, 2, {}};
    for (std::size_t i = 0; i < n; ++i) {
      const double angle = 2 * 3.14159265358979 * static_cast<double>(i % images) / images;
      toy.values.push_back(static_cast<float>(p.scale * std::cos(angle)));
      toy.values.push_back(static_cast<float>(p.scale * std::sin(angle)));
    }
    immiscible::noise_matcher_options options;
    options.seed = o.seed;
    options.pairing.method = p.how;
    options.pairing.candidates = o.candidates;
    options.flip = p.flip;
    immiscible::noise_matcher match(options);
    const double reach = p.half_way ? 2 + 0.5 * p.scale : 3.6;
    script << "set title " << examples::quoted(p.title) << "; set xrange [" << -reach << ':' << reach
           << "]; set yrange [" << -reach << ':' << reach << "]\n";
    std::vector<std::ostringstream> points(images);
    for (std::uint64_t draw = 0; draw < draws; ++draw) {
      const batch<float> noise = match(toy.view(), draw).noise;
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t axis = 0; axis < 2; ++axis) {
          const double e = static_cast<double>(noise(i, axis)), x = static_cast<double>(toy.values[2 * i + axis]);
          points[i % images] << (p.half_way ? (e + x) / 2 : e) << (axis ? '\n' : ' ');
        }
      }
    }
    for (std::size_t c = 0; c < images; ++c) script << "$points" << c << " << END\n" << points[c].str() << "END\n";
    script << "plot ";
    for (std::size_t c = 0; c < images; ++c) {
      script << (c ? ", " : "") << "$points" << c << " with points pt 7 ps 0.35 lc rgb '" << colours[c] << "'";
    }
    script << '\n';
  }
  return examples::draw(script.str());
}

// ------------------------------------------------------------------------------------------------------------------ Main

void diagnose(const command_line& o) {
  const samples images = images_for(o);
  std::vector<way> ways = ways_of(o);
  {
    examples::progress_bar progress("drawing and pairing", static_cast<long>(ways.size() * o.draws), "draws");
    for (way& w : ways) measure(w, images, o.draws, progress);
  }
  std::printf("%zu images of %zu values, %zu draws of noise\n\n", images.n, images.d, o.draws);
  print_table(ways);
  std::printf("\n");
  for (std::size_t w = 1; w < ways.size(); ++w) std::printf("%s\n", words_for(ways[w], ways[0]).c_str());

  std::filesystem::create_directories(o.out);
  write_json(o.out + "/report.json", o, images, ways);
  std::printf("\nWritten: %s/report.json", o.out.c_str());
  if (o.pictures && draw_distances(o.out + "/distances.png", ways) && draw_noise_map(o.out + "/noise_map.png", o)) {
    std::printf(", distances.png, noise_map.png");
  }
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("What pairing does to the noise of your images, in a table, in words and in pictures.", "diagnose");
  command_line o;
  app.add_option("--images", o.images, "images [n, ...], .npy, in the units of the noise (else: Fashion-MNIST)");
  app.add_option("--data-dir", o.data_dir, "folder of Fashion-MNIST")->capture_default_str();
  app.add_option("--batch", o.batch, "images that are paired together, the first of the file")
      ->check(CLI::Range(2, 8192))
      ->capture_default_str();
  app.add_option("--draws", o.draws, "draws of noise for the centroids; the paper takes 10,000")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  app.add_option("--candidates", o.candidates, "k of nearest-of-k")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  app.add_option("--seed", o.seed, "of the noise")->capture_default_str();
  app.add_option("--out", o.out, "folder for report.json and the pictures")->capture_default_str();
  app.add_flag("!--no-pictures", o.pictures, "writes no pictures");
  try {
    app.parse(argc, argv);
    diagnose(o);
    return 0;
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "diagnose: %s\n", error.what());
    return 2;
  }
}
