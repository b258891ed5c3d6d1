// Reading and writing NumPy's .npy files, as the tool `pair` does.
#include "../examples/common/npy.hpp"

#include <catch2/catch.hpp>

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace npy_tests {

namespace {

/// A file of this test alone, removed at its end.
class temporary_file {
 public:
  explicit temporary_file(const std::string& name)
      : path_((std::filesystem::temp_directory_path() / ("immiscible_" + std::to_string(getpid()) + name)).string()) {}
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  ~temporary_file() { std::filesystem::remove(path_); }

  const std::string& path() const { return path_; }
  void write(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }
  std::string read() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

 private:
  std::string path_;
};

/// A file as NumPy writes it: magic, version, length of the header, header, elements.
std::string npy_bytes(const std::string& header, const std::string& elements, char version = 1) {
  std::string bytes = std::string("\x93NUMPY", 6) + version + '\0';
  for (int b = 0; b < (version == 1 ? 2 : 4); ++b) bytes += static_cast<char>(header.size() >> (8 * b) & 0xff);
  return bytes + header + elements;
}

std::string header_of(const std::string& descr, const std::string& order, const std::string& shape) {
  return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

const std::string six_floats = bytes_of<float>({0, 1, 2, 3, 4, 5});

}  // namespace

TEST_CASE("what is saved is loaded again, shape and values") {
  const temporary_file file("saved.npy");
  const std::vector<std::int64_t> values{5, -1, std::int64_t{1} << 40, 0, 2, 3};
  for (const std::vector<std::size_t>& shape : {std::vector<std::size_t>{6}, {2, 3}, {1, 6, 1}}) {
    npy::save(file.path(), shape, values);
    const npy::array loaded = npy::load(file.path());
    CHECK(loaded.shape == shape);
    CHECK(loaded.dtype == "<i8");
    CHECK(npy::elements<std::int64_t>(loaded) == values);
  }
}

TEST_CASE("a saved file is byte for byte what NumPy writes") {
  const temporary_file file("bytes.npy");
  npy::save<std::int64_t>(file.path(), {3}, {1, 2, 3});
  std::string header = "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }";
  header.resize(117, ' ');
  CHECK(file.read() == npy_bytes(header + '\n', bytes_of<std::int64_t>({1, 2, 3})));
}

TEST_CASE("every element type that NumPy users have is read by value") {
  const temporary_file file("types.npy");
  const auto read = [&](const char* descr, const std::string& elements) {
    file.write(npy_bytes(header_of(descr, "False", "(3,)"), elements));
    return npy::elements<float>(npy::load(file.path()));
  };
  const std::vector<float> expected{1, -2, 3};
  CHECK(read("'<f2'", bytes_of<std::uint16_t>({0x3c00, 0xc000, 0x4200})) == expected);
  CHECK(read("'<f4'", bytes_of<float>({1, -2, 3})) == expected);
  CHECK(read("'<f8'", bytes_of<double>({1, -2, 3})) == expected);
  CHECK(read("'|i1'", bytes_of<std::int8_t>({1, -2, 3})) == expected);
  CHECK(read("'|u1'", bytes_of<std::uint8_t>({1, 254, 3})) == std::vector<float>{1, 254, 3});
  CHECK(read("'<i2'", bytes_of<std::int16_t>({1, -2, 3})) == expected);
  CHECK(read("'<i4'", bytes_of<std::int32_t>({1, -2, 3})) == expected);
  CHECK(read("'<i8'", bytes_of<std::int64_t>({1, -2, 3})) == expected);
}

TEST_CASE("arrays of Fortran order come back in C order") {
  const temporary_file file("fortran.npy");
  // a[i][j][k] = 100 i + 10 j + k, [2, 3, 2], the first axis running fastest.
  const std::vector<std::int16_t> stored{0, 100, 10, 110, 20, 120, 1, 101, 11, 111, 21, 121};
  file.write(npy_bytes(header_of("'<i2'", "True", "(2, 3, 2)"), bytes_of(stored)));
  const npy::array loaded = npy::load(file.path());
  CHECK(loaded.rows() == 2);
  CHECK(loaded.columns() == 6);
  CHECK(npy::elements<int>(loaded) == std::vector<int>{0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121});
}

TEST_CASE("keys in any order, format versions 1 to 3, scalars and empty arrays are read") {
  const temporary_file file("forms.npy");
  file.write(npy_bytes("{'shape': (2, 3), 'fortran_order': False, 'descr': '<f4'}", six_floats));
  CHECK(npy::load(file.path()).shape == std::vector<std::size_t>{2, 3});
  for (const char version : {1, 2, 3}) {
    file.write(npy_bytes(header_of("'<f4'", "False", "(6,)") + std::string(200, ' '), six_floats, version));
    CHECK(npy::elements<float>(npy::load(file.path())) == std::vector<float>{0, 1, 2, 3, 4, 5});
  }
  file.write(npy_bytes(header_of("'<f4'", "False", "()"), bytes_of<float>({7})));
  CHECK(npy::load(file.path()).shape.empty());
  CHECK(npy::elements<float>(npy::load(file.path())) == std::vector<float>{7});
  file.write(npy_bytes(header_of("'<f4'", "False", "(0, 5)"), ""));
  CHECK(npy::load(file.path()).columns() == 5);
  CHECK(npy::elements<float>(npy::load(file.path())).empty());
}

TEST_CASE("a file that is not what it promises is refused, and the message says why") {
  const temporary_file file("bad.npy");
  const auto refusal = [&](const std::string& bytes) -> std::string {
    file.write(bytes);
    try {
      npy::load(file.path());
    } catch (const npy::error& error) {
      const std::string text = error.what();
      REQUIRE(text.rfind(file.path() + ": ", 0) == 0);
      return text.substr(file.path().size() + 2);
    }
    return "accepted";
  };
  const auto refused_header = [&](const std::string& header) { return refusal(npy_bytes(header, six_floats)); };
  const std::string good = header_of("'<f4'", "False", "(2, 3)");
  CHECK(refused_header(good) == "accepted");

  CHECK(refusal("") == "not an .npy file");
  CHECK(refusal("PK\x03\x04 an .npz file, say") == "not an .npy file");
  CHECK(refusal(npy_bytes(good, six_floats, 4)) == "unknown .npy format version 4");
  CHECK(refusal(npy_bytes(good, "").substr(0, 9)) == "truncated in the .npy header");
  CHECK(refusal(npy_bytes(good, "").substr(0, 40)) == "truncated in the .npy header");
  CHECK(refusal(npy_bytes(good, six_floats.substr(1))) ==
        "truncated: the header promises 24 bytes of elements, the file has 23");
  CHECK(refusal(npy_bytes(good, six_floats + "x")) ==
        "too long: the header promises 24 bytes of elements, the file has 25");
  CHECK(refusal(npy_bytes(std::string(20000, ' '), "")) == "corrupt .npy header: 20000 bytes long");

  CHECK(refused_header("") == "corrupt .npy header: no descr");
  CHECK(refused_header("{'descr'}") == "corrupt .npy header: no descr");
  CHECK(refused_header("{'descr':") == "corrupt .npy header: no descr");
  CHECK(refused_header("{'descr': '<f4', 'shape': (2, 3)}") == "corrupt .npy header: no fortran_order");
  CHECK(refused_header("{'descr': '<f4', 'fortran_order': False}") == "corrupt .npy header: no shape");
  CHECK(refused_header(header_of("'<f4'", "Perhaps", "(2, 3)")) == "corrupt .npy header: bad fortran_order");
  for (const char* shape : {"2, 3", "(2, 3", "(2, -3)", "(2,, 3)", "(,)", "(2 3)", "(2.0, 3)"}) {
    CHECK(refused_header(header_of("'<f4'", "False", shape)) == "corrupt .npy header: bad shape");
  }
  for (const char* shape : {"(99999999999999999999999,)", "(4294967296, 4294967296)", "(0, 4294967296, 4294967296)"}) {
    CHECK(refused_header(header_of("'<f4'", "False", shape)) == "corrupt .npy header: shape too large");
  }
  for (const char* descr : {"'>f4'", "'<c8'", "'|b1'", "'|O'", "''", "'<f4"}) {
    CHECK_THAT(refused_header(header_of(descr, "False", "(2, 3)")), Catch::StartsWith("needs dtype float16"));
  }
  CHECK_THAT(refused_header(header_of("[('a', '<f4')]", "False", "(2, 3)")), Catch::EndsWith("got a structured one"));

  CHECK_THROWS_WITH(npy::load("/no such folder/x.npy"), "/no such folder/x.npy: no such file");
  CHECK_THROWS_WITH(npy::load("/"), "/: not a file");
  CHECK_THROWS_WITH(npy::save<float>("/no such folder/x.npy", {1}, {1}), "/no such folder/x.npy: cannot be written");
}

}  // namespace npy_tests
