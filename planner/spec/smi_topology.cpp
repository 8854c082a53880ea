#include "planner/spec/smi_topology.h"

#include <optional>

#include "planner/input/input_error.h"
#include "planner/spec/text_lines.h"

namespace ppplan::spec {
namespace {

using input::InputError;

constexpr int most_gpus = 64;
constexpr std::int64_t most_nvlinks = 64;

/// "GPU12" -> 12.
std::optional<int> gpu_number(const std::string& word) {
  if (!word.starts_with("GPU")) return std::nullopt;
  const auto number = digits(std::string_view(word).substr(3), 9999);
  return number ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

std::optional<Connection> connection(const std::string& word) {
  if (word.starts_with("NV")) {
    const auto count = digits(std::string_view(word).substr(2), most_nvlinks);
    return count && *count > 0 ? std::optional(Connection{Nearness::nvlink, static_cast<int>(*count)}) : std::nullopt;
  }
  struct Code {
    std::string_view code;
    Nearness nearness;
  };
  static constexpr Code codes[] = {{"X", Nearness::self},  {"PIX", Nearness::pix},   {"PXB", Nearness::pxb},
                                   {"PHB", Nearness::phb}, {"NODE", Nearness::node}, {"SYS", Nearness::sys},
                                   {"SOC", Nearness::sys}};
  for (const Code& known : codes)
    if (known.code == word) return Connection{known.nearness, 0};
  return std::nullopt;
}

/// Columns of a header line "GPU0 GPU1 NIC0 ... CPU Affinity NUMA Affinity".
struct Header {
  int line = 0;
  int gpus = 0;     // GPU0 to GPU<gpus - 1>, in the first columns
  int devices = 0;  // with NICs
  bool numa = false;
};

/// A matrix of one GPU has one such word, but so does a row: a row's second word is a code.
std::optional<Header> header(const TextLine& line) {
  const std::vector<std::string> row = words(line.text);
  if (row.empty() || gpu_number(row[0]) != 0 || (row.size() > 1 && connection(row[1]))) return std::nullopt;
  Header out;
  out.line = line.number;
  while (out.gpus < static_cast<int>(row.size()) && gpu_number(row[static_cast<std::size_t>(out.gpus)]) == out.gpus)
    ++out.gpus;
  out.devices = out.gpus;
  while (out.devices < static_cast<int>(row.size()) && row[static_cast<std::size_t>(out.devices)] != "CPU" &&
         row[static_cast<std::size_t>(out.devices)] != "NUMA" && row[static_cast<std::size_t>(out.devices)] != "GPU")
    ++out.devices;
  out.numa = line.text.find("NUMA Affinity") != std::string::npos;
  return out;
}

/// "0", or of several nodes "0-1" the first; "N/A" and nothing are not told.
int numa_node(const std::string& word) {
  return static_cast<int>(digits(word.substr(0, word.find_first_of("-,")), 9999).value_or(-1));
}

class Matrix {
 public:
  Matrix(const Header& header, const std::string& source) : header_(header), source_(source) {
    if (header.gpus > most_gpus)
      throw InputError(source, line_place(header.line), "at most " + std::to_string(most_gpus) + " GPUs",
                       std::to_string(header.gpus));
    out_.between.resize(static_cast<std::size_t>(header.gpus));
    if (header.numa) out_.numa_node.resize(static_cast<std::size_t>(header.gpus), -1);
  }

  /// A line "GPU1 NV4 X ...". False when it is something else.
  bool add(const TextLine& line) {
    const std::vector<std::string> row = words(line.text);
    if (row.empty() || rows_ >= header_.gpus) return false;
    const auto number = gpu_number(row[0]);
    if (!number) return false;
    const std::string place = line_place(line.number);
    if (*number != rows_) throw InputError(source_, place, "the row of GPU" + std::to_string(rows_), row[0]);
    if (row.size() < static_cast<std::size_t>(header_.gpus) + 1)
      throw InputError(source_, place, std::to_string(header_.gpus) + " columns of GPUs",
                       std::to_string(row.size() - 1));
    read_row(row, place);
    ++rows_;
    return true;
  }

  SmiTopology finished() const {
    if (rows_ < header_.gpus)
      throw InputError(
          source_, "",
          "a row for each of the " + std::to_string(header_.gpus) + " GPUs of line " + std::to_string(header_.line),
          std::to_string(rows_));
    for (std::size_t a = 0; a < out_.between.size(); ++a)
      for (std::size_t b = 0; b < a; ++b)
        if (out_.between[a][b] != out_.between[b][a])
          throw InputError(source_, "",
                           "the same between GPU" + std::to_string(a) + " and GPU" + std::to_string(b) + " both ways",
                           "two figures");
    return out_;
  }

 private:
  void read_row(const std::vector<std::string>& row, const std::string& place) {
    const auto at = static_cast<std::size_t>(rows_);
    for (std::size_t b = 0; b < static_cast<std::size_t>(header_.gpus); ++b) {
      const auto code = connection(row[b + 1]);
      if (!code || (code->nearness == Nearness::self) != (b == at))
        throw InputError(source_, place, b == at ? "X for the card itself" : "NV#, PIX, PXB, PHB, NODE or SYS",
                         "\"" + row[b + 1] + "\" in the column of GPU" + std::to_string(b));
      out_.between[at].push_back(*code);
    }
    // The CPU list is one word; the NUMA node follows it.
    const std::size_t numa = static_cast<std::size_t>(header_.devices) + 2;
    if (header_.numa && numa < row.size()) out_.numa_node[at] = numa_node(row[numa]);
  }

  const Header header_;
  const std::string& source_;
  SmiTopology out_;
  int rows_ = 0;
};

}  // namespace

SmiTopology read_smi_topology(std::string_view text, const std::string& source) {
  std::optional<Matrix> matrix;
  for (const TextLine& line : lines_of(text, source)) {
    if (matrix) {
      matrix->add(line);
    } else if (const auto found = header(line)) {
      matrix.emplace(*found, source);
    }
  }
  if (!matrix) throw InputError(source, "", "the matrix of nvidia-smi topo -m, whose header begins with GPU0", "none");
  return matrix->finished();
}

}  // namespace ppplan::spec
