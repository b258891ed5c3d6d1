// The images that trainers read: the user's own in CIFAR-10's files or as a folder, and those of Debian's packages.
#include "../examples/common/image_sets.hpp"
#include "../examples/common/fashion_mnist.hpp"

#include "support/picture_files.hpp"

#include <zlib.h>
#include <catch2/catch.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace image_sets_tests {

using Catch::Contains;
using examples::image_data;
using examples::read_fashion_mnist;
using examples::read_image_data;

namespace {

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

/// A gzip-compressed IDX file of zeros but for the last byte.
void write_idx(const std::string& file, const std::vector<unsigned char>& shape, unsigned char last) {
  std::size_t count = 1;
  std::string bytes{0, 0, 8, static_cast<char>(shape.size())};
  for (const unsigned char extent : shape) {
    bytes += std::string(3, '\0') + static_cast<char>(extent);
    count *= extent;
  }
  bytes += std::string(count - 1, '\0') + static_cast<char>(last);
  const gzFile out = gzopen(file.c_str(), "wb");
  REQUIRE(gzwrite(out, bytes.data(), static_cast<unsigned>(bytes.size())) == static_cast<int>(bytes.size()));
  REQUIRE(gzclose(out) == Z_OK);
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
    CHECK(data.train.images.mul(255).round().sum(at::kDouble).item<double>() == 7'285'231'474);
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

TEST_CASE("files like Fashion-MNIST's with other pictures or labels are refused by name") {
  const temporary_folder folder;
  const std::string pictures = folder.file("train-images-idx3-ubyte.gz"),
                    labels = folder.file("train-labels-idx1-ubyte.gz");
  const auto read = [&] { return read_fashion_mnist(folder.path(), "train", 28); };
  write_idx(pictures, {3, 28, 28}, 255);
  write_idx(labels, {3}, 9);
  CHECK(read().images[2][0][27][27].item<float>() == 1);
  CHECK(read().labels.equal(at::tensor({0, 0, 9}, at::kLong)));
  write_idx(labels, {3}, 10);
  CHECK_THROWS_WITH(read(), Contains("needs labels 0 to 9, got 10") && Contains(labels));
  write_idx(labels, {2}, 9);
  CHECK_THROWS_WITH(read(), Contains("needs one label for each picture"));
  write_idx(labels, {3}, 9);
  write_idx(pictures, {3, 32, 28}, 255);
  CHECK_THROWS_WITH(read(), Contains("needs pictures of 28x28 pixels, got 32x28") && Contains(pictures));
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

}  // namespace image_sets_tests
