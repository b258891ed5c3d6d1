// The images that trainers read: the user's own in CIFAR-10's files or as a folder of pictures, and those of Debian's packages.
#include "../examples/common/image_sets.hpp"
#include "../examples/common/pictures.hpp"

#include <catch2/catch.hpp>

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#include <stb/stb_image_write.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

using Catch::Contains;
using examples::image_data;
using examples::picture;
using examples::read_image_data;

namespace {

/// A folder of one test alone, removed at its end.
class temporary_folder {
 public:
  temporary_folder() : path_(std::filesystem::temp_directory_path() / ("immiscible_sets_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_);
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() { std::filesystem::remove_all(path_); }

  std::string path() const { return path_.string(); }
  /// The full name of a file below; its folder is made.
  std::string file(const std::string& name) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    return (path_ / name).string();
  }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(file(name), std::ios::binary) << bytes;
  }

 private:
  std::filesystem::path path_;
};

std::string bytes_of(const std::string& file) {
  const std::vector<char> bytes = examples::file_bytes(file);
  return {bytes.begin(), bytes.end()};
}

picture uniform(int width, int height, std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
  picture result{width, height, {}};
  for (int i = 0; i < width * height; ++i) result.rgb.insert(result.rgb.end(), {red, green, blue});
  return result;
}

picture random_picture(int width, int height) {
  picture result{width, height, {}};
  std::mt19937 random(1);
  for (int i = 0; i < 3 * width * height; ++i) result.rgb.push_back(static_cast<std::uint8_t>(random() >> 24));
  return result;
}

void write_png(const std::string& file, const picture& p) {
  REQUIRE(stbi_write_png(file.c_str(), p.width, p.height, 3, p.rgb.data(), 3 * p.width));
}

void write_jpeg(const std::string& file, const picture& p) {
  REQUIRE(stbi_write_jpg(file.c_str(), p.width, p.height, 3, p.rgb.data(), 95));
}

/// One record of CIFAR-10: pixel (c, y, x) is 100 c + y + x + shift.
std::string cifar_record(int label, int shift) {
  std::string record(1, static_cast<char>(label));
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < 32; ++y) {
      for (int x = 0; x < 32; ++x) record += static_cast<char>((100 * c + y + x + shift) & 255);
    }
  }
  return record;
}

void write_cifar10(const temporary_folder& folder) {
  for (int i = 1; i <= 5; ++i) {
    folder.write("data_batch_" + std::to_string(i) + ".bin", cifar_record(i, 0) + cifar_record(9, i));
  }
  folder.write("test_batch.bin", cifar_record(0, 5));
}

void check_pictures(const examples::labelled_images& part, std::int64_t channels, std::int64_t size, int classes) {
  REQUIRE(part.images.sizes().size() == 4);
  CHECK(part.images.size(0) == part.labels.size(0));
  CHECK(part.images.size(1) == channels);
  CHECK(part.images.size(2) == size);
  CHECK(part.images.size(3) == size);
  CHECK(part.images.scalar_type() == at::kFloat);
  CHECK(part.images.is_contiguous());
  CHECK(part.images.min().item<float>() >= 0);
  CHECK(part.images.max().item<float>() <= 1);
  CHECK(part.labels.min().item<std::int64_t>() >= 0);
  CHECK(part.labels.max().item<std::int64_t>() < classes);
}

/// A set of Debian's packages; none, and a warning, where they are not installed.
std::vector<image_data> installed(const std::string& name, int size) {
  try {
    return {read_image_data(name, "", size)};
  } catch (const std::runtime_error& error) {
    if (std::string(error.what()).find("apt install") == std::string::npos) throw;
    WARN(std::string("skipped: ") + error.what());
    return {};
  }
}

}  // namespace

TEST_CASE("CIFAR-10's binary files are read: five to train, one to test, pixels and labels in their places") {
  const temporary_folder folder;
  write_cifar10(folder);
  const image_data data = read_image_data("cifar10", folder.path(), 32);
  check_pictures(data.train, 3, 32, 10);
  check_pictures(data.test, 3, 32, 10);
  CHECK(data.train.labels.equal(at::tensor({1, 9, 2, 9, 3, 9, 4, 9, 5, 9}, at::kLong)));
  CHECK(data.test.labels.equal(at::tensor({0}, at::kLong)));
  CHECK(data.train.images[0][1][2][3].item<float>() == 105 / 255.0f);
  CHECK(data.train.images[5][2][31][0].item<float>() == 234 / 255.0f);
  CHECK(data.classes.front() == "airplane");

  folder.write("batches.meta.txt", "a\nb\nc\r\nd\ne\nf\ng\nh\ni\nj\n\n");
  CHECK(read_image_data("cifar10", folder.path(), 32).classes[2] == "c");
  folder.write("batches.meta.txt", "a\nb\n");
  CHECK_THROWS_WITH(read_image_data("cifar10", folder.path(), 32), Contains("needs ten names of classes, got 2"));
}

TEST_CASE("files that are not CIFAR-10's are refused by name") {
  const temporary_folder folder;
  const auto read = [&] { return read_image_data("cifar10", folder.path(), 32); };
  write_cifar10(folder);
  folder.write("data_batch_3.bin", cifar_record(1, 0) + "x");
  CHECK_THROWS_WITH(read(), Contains("needs records of 3073 bytes") && Contains("data_batch_3.bin of 3074 bytes"));
  folder.write("data_batch_3.bin", "");
  CHECK_THROWS_WITH(read(), Contains("data_batch_3.bin of 0 bytes"));
  folder.write("data_batch_3.bin", cifar_record(10, 0));
  CHECK_THROWS_WITH(read(), Contains("needs labels 0 to 9, got 10") && Contains("data_batch_3.bin"));
  std::filesystem::remove(folder.file("data_batch_3.bin"));
  CHECK_THROWS_WITH(read(), Contains("cifar10: needs ") && Contains("data_batch_3.bin"));
  CHECK_THROWS_WITH(read_image_data("cifar10", "/no such folder", 32), "cifar10: needs a folder, got /no such folder");
}

TEST_CASE("a name, a size or a folder that no set has is refused") {
  using Error = std::invalid_argument;
  CHECK_THROWS_AS(read_image_data("imagenet", "", 32), Error);
  CHECK_THROWS_WITH(read_image_data("cifar10", "/tmp", 28), "cifar10: needs a size of 32, got 28");
  CHECK_THROWS_WITH(read_image_data("cifar10", "", 32), Contains("cifar10: needs a folder"));
  CHECK_THROWS_WITH(read_image_data("folder", "", 32), Contains("folder: needs a folder"));
  CHECK_THROWS_WITH(read_image_data("folder", "/tmp", 3), "folder: needs a size of 4 to 512, got 3");
  CHECK_THROWS_WITH(read_image_data("photographs", "", 65), "photographs: needs a size of 8 to 64, got 65");
  CHECK_THROWS_WITH(read_image_data("emoji", "", 7), "emoji: needs a size of 8 to 64, got 7");
  CHECK_THROWS_WITH(read_image_data("fashion-mnist", "", 32), "fashion-mnist: needs a size of 14 or 28, got 32");
}

TEST_CASE("packages that are missing are named, with the command that installs them") {
  const temporary_folder folder;
  CHECK_THROWS_WITH(read_image_data("photographs", folder.path(), 32),
                    Contains("Aqua.jpg (Debian: apt install mate-backgrounds lomiri-wallpapers-16.04 lxqt-themes "
                             "palapeli-data)"));
  CHECK_THROWS_WITH(read_image_data("emoji", folder.path(), 32), Contains("apt install unicode-data"));
  folder.write("unicode/emoji/emoji-test.txt", "1F600 ; fully-qualified\n");
  CHECK_THROWS_WITH(read_image_data("emoji", folder.path(), 32), Contains("needs a group before the first emoji"));
  folder.write("unicode/emoji/emoji-test.txt", "# group: Smileys\n1F600 ; fully-qualified\n");
  CHECK_THROWS_WITH(read_image_data("emoji", folder.path(), 32), Contains("apt install fonts-noto-color-emoji"));
  folder.write("fonts/truetype/noto/NotoColorEmoji.ttf", "no font");
  CHECK_THROWS_WITH(read_image_data("emoji", folder.path(), 32), Contains("needs a font, got "));
}

TEST_CASE("a folder of pictures: sub-folders are classes, files are sorted, every tenth is for testing") {
  const temporary_folder folder;
  for (int i = 0; i < 20; ++i) {  // i is the red value
    const std::string name = i < 12 ? "cats/deep/" : "birds/";
    const auto red = static_cast<std::uint8_t>(i);
    write_png(folder.file(name + char('a' + i) + (i % 2 ? ".PNG" : ".png")), uniform(9 + i, 12, red, 50, 100));
  }
  folder.write("cats/notes.txt", "no picture");
  folder.write("cats/._a.png", "what macOS leaves");
  const image_data data = read_image_data("folder", folder.path() + "/", 8);
  CHECK(data.name == std::filesystem::path(folder.path()).filename().string());
  CHECK(data.classes == std::vector<std::string>{"birds", "cats"});
  check_pictures(data.train, 3, 8, 2);
  check_pictures(data.test, 3, 8, 2);
  REQUIRE(data.train.images.size(0) == 18);
  REQUIRE(data.test.images.size(0) == 2);
  CHECK(data.train.images[0][0][0][0].item<float>() == 12 / 255.0f);  // birds/m.png
  CHECK(data.train.images[0][1][7][7].item<float>() == 50 / 255.0f);
  CHECK(data.train.images[17][0][0][0].item<float>() == 10 / 255.0f);
  CHECK(data.test.images[1][0][0][0].item<float>() == 11 / 255.0f);  // the twentieth
  CHECK(data.train.labels.sum().item<std::int64_t>() == 10);
}

TEST_CASE("PNG and JPEG show the same, a few pictures without sub-folders are one class, to train and to test") {
  const temporary_folder folder;
  write_png(folder.file("1.png"), uniform(40, 24, 200, 100, 50));
  write_jpeg(folder.file("2.jpg"), uniform(24, 40, 200, 100, 50));
  write_jpeg(folder.file("3.jpeg"), uniform(7, 5, 200, 100, 50));
  const image_data data = read_image_data("folder", folder.path(), 32);
  CHECK(data.classes == std::vector<std::string>{"."});
  REQUIRE(data.train.images.size(0) == 3);
  CHECK(data.test.images.equal(data.train.images));
  const at::Tensor expected = at::tensor({200 / 255.0f, 100 / 255.0f, 50 / 255.0f}).reshape({1, 3, 1, 1});
  CHECK((data.train.images - expected).abs().max().item<float>() < 2.5f / 255);
}

TEST_CASE("a folder without pictures, and one with a damaged picture, are refused; the message names it") {
  const temporary_folder folder;
  folder.write("notes.txt", "no picture");
  CHECK_THROWS_WITH(read_image_data("folder", folder.path(), 32),
                    Contains("needs files .png, .jpg or .jpeg, got none"));
  write_png(folder.file("good.png"), random_picture(30, 20));
  write_jpeg(folder.file("x/good.jpg"), random_picture(30, 20));
  CHECK(read_image_data("folder", folder.path(), 32).train.images.size(0) == 2);
  for (const char* name : {"x/bad.png", "x/bad.jpg"}) {
    folder.write(name, "no picture at all");
    CHECK_THROWS_WITH(read_image_data("folder", folder.path(), 32),
                      Contains("needs a whole PNG or JPEG") && Contains(name));
    std::filesystem::remove(folder.file(name));
  }
}

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
  REQUIRE(stbi_write_png(folder.file("alpha.png").c_str(), 3, 1, 4, rgba, 12));
  REQUIRE(stbi_write_png(folder.file("grey.png").c_str(), 2, 1, 1, grey, 2));
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

TEST_CASE("photographs: the same crops at every reading, none of one colour") {
  for (const image_data& data : installed("photographs", 32)) {
    check_pictures(data.train, 3, 32, 40);
    check_pictures(data.test, 3, 32, 40);
    CHECK(data.classes.size() == 40);
    CHECK(data.train.images.size(0) == 20'480);
    CHECK(data.test.images.size(0) == 4'120);
    const at::Tensor deviations = data.train.images.flatten(2).std(2).mean(1);
    CHECK(deviations.gt(0.02).to(at::kDouble).mean().item<double>() > 0.99);
    // The sum of all bytes was noted when the set was made: another one says that results cannot be compared.
    CHECK(data.train.images.mul(255).round().sum(at::kDouble).item<double>() == 7'286'095'643);
  }
}

TEST_CASE("emoji: Unicode's groups, and a class of sequences") {
  for (const image_data& data : installed("emoji", 32)) {
    const int classes = static_cast<int>(data.classes.size());
    check_pictures(data.train, 3, 32, classes);
    check_pictures(data.test, 3, 32, classes);
    CHECK(data.classes.front() == "Smileys & Emotion");
    CHECK(data.classes.back() == "Sequences");
    CHECK(data.train.images.size(0) > 3000);
    CHECK(data.test.images.size(0) == data.train.images.size(0) / 9);
    CHECK(data.train.images.select(2, 0).mean().item<double>() > 0.9);  // white around the drawing
    CHECK(at::bincount(data.train.labels).min().item<std::int64_t>() > 0);
  }
}

TEST_CASE("Fashion-MNIST comes in both sizes") {
  for (const int size : {14, 28}) {
    for (const image_data& data : installed("fashion-mnist", size)) {
      check_pictures(data.train, 1, size, 10);
      CHECK(data.train.images.size(0) == 60'000);
      CHECK(data.test.images.size(0) == 10'000);
      CHECK(data.classes.size() == 10);
    }
  }
}
