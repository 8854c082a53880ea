#include "planner/spec/stated_bytes.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <vector>

#include "planner/input/input_error.h"
#include "planner/spec/model_limits.h"
#include "planner/spec/safetensors.h"

namespace ppplan::spec {
namespace {

using input::InputError;
namespace fs = std::filesystem;

// Words as the models' public files spell them; Mistral's own, Phi's, InternVL's and MiniCPM's among them.
constexpr std::string_view tower_words[] = {
    "visual",       "vision_tower", "vision_model",        "vision_encoder",        "multi_modal_projector",
    "mm_projector", "audio_tower",  "patch_merger",        "pre_mm_projector_norm", "vision_language_adapter",
    "embed_vision", "embed_audio",  "embed_tokens_extend", "vision_embed_tokens",   "mlp1",
    "vpm",          "resampler",    "audio_encoder",       "vision_resampler"};
constexpr std::string_view layer_words[] = {"layers", "blocks", "h"};
constexpr std::string_view embedding_words[] = {"embed_tokens",   "embed_tokens_per_layer", "wte",     "wpe",
                                                "tok_embeddings", "word_embeddings",        "embed_in"};
constexpr std::string_view head_words[] = {"lm_head", "output_layer", "embed_out"};

template <std::size_t n>
bool any_of(const std::string_view (&words)[n], std::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

/// The number that a word is, or nothing; beyond 31 bits, 2^31.
std::optional<std::int64_t> number(std::string_view word) {
  constexpr std::int64_t largest = std::int64_t{1} << 31;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (end != word.data() + word.size() || word.empty() || word[0] == '-') return std::nullopt;
  return error == std::errc::result_out_of_range ? largest : std::min(value, largest);
}

std::string_view word_at(std::string_view name, std::size_t begin) {
  return name.substr(begin, name.find('.', begin) - begin);
}

/// Collects the tensors of a checkpoint.
class Sums {
 public:
  Sums(int layers, std::string source) : source_(std::move(source)) {
    bytes_.layer_bytes.assign(static_cast<std::size_t>(layers), 0);
  }

  void add(const TensorSize& tensor) {
    const Belonging where = belonging(tensor.name);
    total_ += tensor.bytes();
    if (total_ > most_stated_bytes)
      throw InputError(source_, "", "tensors of at most 2^50 bytes", std::to_string(total_) + " of them");
    if (where.holder == Holder::layer) prefixes_.emplace(where.prefix);
    slot(where) += tensor.bytes();
    const bool wide = tensor.dtype == "F32" || tensor.dtype == "F64";
    if (wide && where.holder == Holder::layer) wide_bytes_ += tensor.bytes();
  }

  StatedWeights result() const {
    if (prefixes_.size() > 1)
      return {{}, 0, source_ + " has layers under '" + *prefixes_.begin() + "' and '" + *prefixes_.rbegin() + "'"};
    const auto& layers = bytes_.layer_bytes;
    const auto empty = std::find(layers.begin(), layers.end(), 0);
    if (empty != layers.end())
      return {{},
              0,
              source_ + " has no tensor of layer " + std::to_string(empty - layers.begin()) + " of " +
                  std::to_string(layers.size())};
    return {bytes_, wide_bytes_, ""};
  }

  std::int64_t total() const { return total_; }

 private:
  std::int64_t& slot(const Belonging& where) {
    const auto count = static_cast<std::int64_t>(bytes_.layer_bytes.size());
    switch (where.holder) {
      case Holder::layer:
        if (where.layer < count) return bytes_.layer_bytes[static_cast<std::size_t>(where.layer)];
        return bytes_.draft_bytes;
      case Holder::embedding:
        return bytes_.embedding_bytes;
      case Holder::head:
        return bytes_.head_bytes;
      case Holder::tower:
        return bytes_.tower_bytes;
      case Holder::draft:
        return bytes_.draft_bytes;
      case Holder::other:
        break;
    }
    return bytes_.other_bytes;
  }

  std::string source_;
  StatedBytes bytes_;
  std::int64_t wide_bytes_ = 0;
  std::int64_t total_ = 0;
  std::set<std::string> prefixes_;
};

/// The first `count` bytes of a file, fewer where it ends before.
std::string first_bytes(const std::string& path, std::size_t count) {
  std::string out(count, '\0');
  std::ifstream in(path, std::ios::binary);
  if (!in) throw InputError(path, "", "a readable file", "one that cannot be read");
  in.read(out.data(), static_cast<std::streamsize>(count));
  out.resize(static_cast<std::size_t>(in.gcount()));
  return out;
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

std::int64_t size_of(const std::string& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) throw InputError(path, "", "a readable file", error.message());
  return static_cast<std::int64_t>(size);
}

/// Cloned without Git LFS, a large file is a few lines of text that name the real one.
bool is_pointer(const std::string& path) {
  constexpr std::string_view first_line = "version https://git-lfs.github.com/spec/";
  return first_bytes(path, first_line.size()) == first_line;
}

std::vector<TensorSize> tensors_of(const std::string& path) {
  const std::int64_t size = size_of(path);
  const std::int64_t length = safetensors_header_length(first_bytes(path, 8), size, path);
  return read_safetensors_header(first_bytes(path, static_cast<std::size_t>(8 + length)), size, path);
}

/// File -> names that the index has there.
using Files = std::map<std::string, std::set<std::string>>;

/// Why the headers cannot be read; "" when all files are there.
std::string absence(const fs::path& folder, const Files& files, const std::string& index) {
  std::size_t missing = 0;
  std::string first;
  for (const auto& [file, names] : files) {
    const std::string path = (folder / file).string();
    if (is_file(path) && !is_pointer(path)) continue;
    if (missing++ == 0) first = is_file(path) ? file + " is a Git LFS pointer" : file + " is not beside it";
  }
  if (missing == 0) return "";
  return index + " names " + std::to_string(files.size()) + " files, of which " + std::to_string(missing) +
         " cannot be read: " + first;
}

/// Only what the index puts into this file counts: a name may be left over in another one.
void add_file(Sums& sums, const std::string& path, const std::set<std::string>& names, std::size_t& read) {
  std::size_t found = 0;
  const std::vector<TensorSize> tensors = tensors_of(path);
  read += tensors.size();
  if (read > most_tensors)
    throw InputError(path, "", "at most " + std::to_string(most_tensors) + " tensors in all files", "more of them");
  std::set<std::string_view> held;
  for (const TensorSize& tensor : tensors) {
    if (!names.contains(tensor.name)) continue;
    held.insert(tensor.name);
    sums.add(tensor);
    ++found;
  }
  if (found == names.size()) return;
  for (const std::string& name : names)
    if (!held.contains(name)) throw InputError(path, "", "the tensor '" + name + "' that the index has there", "none");
}

StatedWeights from_index(const fs::path& folder, const std::string& path, int layers) {
  if (size_of(path) > longest_header_bytes)
    throw InputError(path, "", "at most " + std::to_string(longest_header_bytes) + " bytes",
                     std::to_string(size_of(path)));
  if (is_pointer(path)) return {{}, 0, path + " is a Git LFS pointer"};
  const SafetensorsIndex index = read_safetensors_index(input::read_text(path), path);
  Files files;
  for (const auto& [name, file] : index.weight_map) files[file].insert(name);
  if (std::string note = absence(folder, files, path); !note.empty()) return {{}, 0, std::move(note)};
  Sums sums(layers, path);
  std::size_t read = 0;
  for (const auto& [file, names] : files) add_file(sums, (folder / file).string(), names, read);
  StatedWeights out = sums.result();
  if (out.bytes && index.total_size_bytes && *index.total_size_bytes != sums.total())
    out.note = path + " states " + std::to_string(*index.total_size_bytes) + " bytes in all, the files' headers " +
               std::to_string(sums.total());
  return out;
}

StatedWeights from_file(const std::string& path, int layers) {
  if (is_pointer(path)) return {{}, 0, path + " is a Git LFS pointer"};
  Sums sums(layers, path);
  for (const TensorSize& tensor : tensors_of(path)) sums.add(tensor);
  return sums.result();
}

}  // namespace

Belonging belonging(std::string_view name) {
  for (std::size_t begin = 0; begin < name.size();) {
    const std::string_view word = word_at(name, begin);
    const std::size_t next = begin + word.size() + 1;
    if (any_of(tower_words, word)) return {Holder::tower, 0, {}};
    if (word.starts_with("mtp")) return {Holder::draft, 0, {}};
    if (any_of(layer_words, word) && next < name.size())
      if (const auto layer = number(word_at(name, next))) return {Holder::layer, *layer, name.substr(0, next)};
    if (any_of(embedding_words, word)) return {Holder::embedding, 0, {}};
    // "output" heads Mistral's own checkpoints, but is an attention's projection elsewhere.
    if (any_of(head_words, word) || (word == "output" && begin == 0)) return {Holder::head, 0, {}};
    begin = next;
  }
  return {};
}

StatedWeights stated_weights(const std::string& folder, int layers) {
  const fs::path base(folder);
  const fs::path index = base / "model.safetensors.index.json";
  const fs::path single = base / "model.safetensors";
  if (is_file(index)) return from_index(base, index.string(), layers);
  if (is_file(single)) return from_file(single.string(), layers);
  return {};
}

}  // namespace ppplan::spec
