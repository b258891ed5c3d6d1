// The tool `diagnose`, run as its users run it.
#include "../examples/common/npy.hpp"

#include <immiscible/philox.hpp>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

using Catch::Matchers::Contains;

namespace {

/// A folder of this test alone, removed at its end.
struct workshop {
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("immiscible_diagnose_" + std::to_string(getpid()));

  workshop() { std::filesystem::create_directories(folder); }
  workshop(const workshop&) = delete;
  workshop& operator=(const workshop&) = delete;
  ~workshop() { std::filesystem::remove_all(folder); }

  std::string operator/(const std::string& name) const { return (folder / name).string(); }

  /// Images [n, 2, d / 2] that differ in size and direction.
  std::string images(std::size_t n, std::size_t d) const {
    std::vector<float> values(n * d);
    immiscible::normal_rows(1, 0, 0, immiscible::matrix_view<float>(values.data(), n, d));
    npy::save(*this / "images.npy", {n, 2, d / 2}, values);
    return *this / "images.npy";
  }

  /// Exit code; standard output and standard error end up in `said`.
  int run(const std::string& arguments, std::string& said) const {
    const std::string log = *this / "log";
    const int status = std::system(("'" DIAGNOSE_PROGRAM "' " + arguments + " >" + log + " 2>&1").c_str());
    std::stringstream text;
    text << std::ifstream(log).rdbuf();
    said = text.str();
    return WEXITSTATUS(status);
  }
};

}  // namespace

TEST_CASE("a table, words, and a report that says the same") {
  const workshop here;
  std::string said;
  const std::string arguments =
      "--images " + here.images(40, 12) + " --batch 32 --draws 20 --no-pictures --out " + (here / "out");
  REQUIRE(here.run(arguments, said) == 0);
  CHECK_THAT(said, Contains("32 images of 12 values, 20 draws") && Contains("exact: the noise comes") &&
                       Contains("shortened the noise") && Contains("farther than random noise"));
  const auto report = nlohmann::json::parse(std::ifstream(here / "out/report.json"));
  REQUIRE(report["pairings"].size() == 5);
  const auto& random = report["pairings"][0];
  const auto& exact = report["pairings"][1];
  CHECK(random["distance_change"] == 0.0);
  CHECK(exact["distance_change"].get<double>() < -0.05);
  CHECK(exact["noise_squares"].get<double>() == Approx(random["noise_squares"].get<double>()));
  CHECK(exact["alignment"].get<double>() > 0.5);
  CHECK(exact["centroids_apart_above_chance"].get<double>() > random["centroids_apart_above_chance"].get<double>());
  CHECK(report["pairings"][2]["noise_squares"].get<double>() < 0.9);
  CHECK(report["pairings"][4]["alignment"].get<double>() == Approx(-exact["alignment"].get<double>()));
  CHECK(random["directions"].size() == 4);
}

TEST_CASE("what is missing is said in one line, with exit code 2") {
  const workshop here;
  std::string said;
  CHECK(here.run("--images " + (here / "nothing.npy") + " --out " + (here / "out"), said) == 2);
  CHECK_THAT(said, Contains("diagnose: ") && Contains("nothing.npy"));
  CHECK(here.run("--images " + here.images(10, 4) + " --out " + (here / "out"), said) == 2);
  CHECK_THAT(said, Contains("n >= 128 (--batch)"));
  CHECK(here.run("--data-dir " + (here / "nowhere"), said) == 2);
  CHECK_THAT(said, Contains("dataset-fashion-mnist"));
  CHECK(here.run("--batch 1", said) != 0);
}
