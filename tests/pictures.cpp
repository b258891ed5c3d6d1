// Reading PNG and JPEG files, whole and damaged, and resizing parts of pictures.
#include "../examples/common/pictures.hpp"

#include "support/picture_files.hpp"

#include <catch2/catch.hpp>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace pictures_tests {

using Catch::Contains;
using examples::picture;

namespace {

std::string bytes_of(const std::string& file) {
  const std::vector<char> bytes = examples::file_bytes(file);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("a picture that ends too soon is never read as a whole one, changed bytes never crash") {
  const temporary_folder folder;
  write_png(folder.file("whole.png"), random_picture(30, 20));
  write_jpeg(folder.file("whole.jpg"), random_picture(30, 20));
  for (const std::string ending : {".png", ".jpg"}) {
    const std::string whole = bytes_of(folder.file("whole" + ending)), file = folder.file("changed" + ending);
    const std::size_t last_marker = ending == ".png" ? 12 : 2;  // the end of the file says no more than that it ends
    for (std::size_t size = 0; size < whole.size() - last_marker; size += 1 + size / 40) {
      folder.write("changed" + ending, whole.substr(0, size));
      CHECK_THROWS_WITH(examples::read_picture(file), Contains("needs a whole PNG or JPEG picture, got " + file));
    }
    std::mt19937 random(2);
    for (int i = 0; i < 100; ++i) {
      std::string changed = whole;
      for (int k = 0; k < 3; ++k) changed[random() % changed.size()] = static_cast<char>(random());
      folder.write("changed" + ending, changed);
      try {
        const picture read = examples::read_picture(file);
        CHECK(read.rgb.size() == static_cast<std::size_t>(3 * read.width * read.height));
      } catch (const std::runtime_error& error) {
        CHECK_THAT(error.what(), Contains(file));
      }
    }
  }
}

TEST_CASE("what is transparent becomes white, grey becomes three equal colours") {
  const temporary_folder folder;
  const std::uint8_t rgba[] = {10, 20, 30, 255, 10, 20, 30, 0, 0, 100, 255, 51}, grey[] = {7, 255};
  write_png(folder.file("alpha.png"), 3, 1, PNG_FORMAT_RGBA, rgba);
  write_png(folder.file("grey.png"), 2, 1, PNG_FORMAT_GRAY, grey);
  CHECK(examples::read_picture(folder.file("alpha.png")).rgb ==
        std::vector<std::uint8_t>{10, 20, 30, 255, 255, 255, 204, 224, 255});
  CHECK(examples::read_picture(folder.file("grey.png")).rgb == std::vector<std::uint8_t>{7, 7, 7, 255, 255, 255});
}

TEST_CASE("shrinking averages what a pixel covers, also where the sizes do not divide") {
  picture row{3, 1, {0, 0, 0, 90, 30, 3, 30, 60, 6}};
  CHECK(examples::resized(row, {0, 0, 3, 1}, 1, 1).rgb == std::vector<std::uint8_t>{40, 30, 3});
  // Of 3 pixels the first of 2 covers one and a half: (0 + 90 / 2) / 1.5 = 30, (90 / 2 + 30) / 1.5 = 50.
  CHECK(examples::resized(row, {0, 0, 3, 1}, 2, 1).rgb == std::vector<std::uint8_t>{30, 10, 1, 50, 50, 5});
  CHECK(examples::resized(row, {1, 0, 2, 1}, 1, 1).rgb == std::vector<std::uint8_t>{60, 45, 5});  // 4.5 is rounded up

  const picture any = random_picture(13, 11);
  CHECK(examples::resized(any, {0, 0, 13, 11}, 13, 11).rgb == any.rgb);
  for (const int size : {1, 2, 5, 7, 11, 16, 40}) {  // one colour stays that colour
    CHECK(examples::resized(uniform(13, 11, 255, 1, 77), {1, 2, 11, 9}, size, size).rgb ==
          uniform(size, size, 255, 1, 77).rgb);
  }
}

TEST_CASE("enlarging draws straight lines between the centres of pixels") {
  const picture row{2, 1, {0, 0, 8, 80, 40, 8}};
  // Centres of 4 pixels over 2: -1/4 (held at 0), 1/4, 3/4, 5/4 (held at 1).
  CHECK(examples::resized(row, {0, 0, 2, 1}, 4, 1).rgb ==
        std::vector<std::uint8_t>{0, 0, 8, 20, 10, 8, 60, 30, 8, 80, 40, 8});
}

TEST_CASE("only parts inside the picture are resized, and the centre square is one") {
  const picture p = uniform(7, 4, 1, 2, 3);
  const auto square = examples::centre_square(p);
  CHECK((square.left == 1 && square.top == 0 && square.width == 4 && square.height == 4));
  for (const examples::rectangle& part : {examples::rectangle{-1, 0, 4, 4}, {4, 0, 4, 4}, {0, 1, 4, 4}, {0, 0, 0, 4}}) {
    CHECK_THROWS_AS(examples::resized(p, part, 2, 2), std::invalid_argument);
  }
  CHECK_THROWS_AS(examples::resized(p, {0, 0, 4, 4}, 0, 2), std::invalid_argument);
}

}  // namespace pictures_tests
