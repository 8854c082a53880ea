#include "planner/spec/model_names.h"

#include <algorithm>
#include <cctype>

#include "planner/catalog/catalog.h"
#include "planner/input/edit_distance.h"
#include "planner/spec/read_model.h"
#include "planner/spec/text_lines.h"

namespace ppplan::spec {
namespace {

using input::Json;
using input::Node;
using Texts = std::vector<std::string>;

/// Ids that share one config: the entry's own, or those of one quantized or longer checkpoint.
struct Listed {
  Texts names;
  std::optional<Node> variant = std::nullopt;  // states what differs from the entry's config
};

/// Whole members are replaced: a quantization is one statement, not a patch of another one.
void put(Json& config, const std::string& key, const Json& value) {
  if (value.is_null())
    config.erase(key);
  else
    config[key] = value;
}

std::vector<Listed> listed_of(const Node& entry) {
  std::vector<Listed> out = {{{entry.at("id").text()}}};
  if (const auto presets = entry.find("presets"))
    for (const Node& name : presets->items()) out[0].names.push_back(name.text());
  const auto variants = entry.find("variants");
  if (!variants) return out;
  for (const Node& variant : variants->items()) {
    if (variant.is_text()) {
      out[0].names.push_back(variant.text());
      continue;
    }
    out.push_back({{}, variant});
    for (const Node& name : variant.at("ids").items()) out.back().names.push_back(name.text());
  }
  return out;
}

std::vector<Node> entries() { return catalog::models().root().at("models").items(); }

CatalogModel model_of(const Node& entry, const Listed& listed) {
  CatalogModel out{entry, entry.at("config").json()};
  if (const auto assumed = entry.find("assumed")) out.notes.push_back(entry.at("id").text() + ": " + assumed->text());
  if (!listed.variant) return out;
  const Node changes = listed.variant->at("config");
  for (const std::string& key : changes.keys()) put(out.config, key, changes.json().at(key));
  if (const auto assumed = listed.variant->find("assumed"))
    out.notes.push_back(listed.names.front() + ": " + assumed->text());
  return out;
}

/// Composed as its maker chose: neither a format nor another maker's checkpoint of the name means this one.
bool is_particular(const Listed& listed) {
  const auto stated = listed.variant ? listed.variant->find("particular") : std::nullopt;
  return stated && stated->boolean();
}

/// The first listed name that `fits`.
template <typename Fits>
std::optional<std::pair<CatalogModel, std::string>> first_listed(Fits fits, bool particular_too = true) {
  for (const Node& entry : entries())
    for (const Listed& listed : listed_of(entry)) {
      if (!particular_too && is_particular(listed)) continue;
      const auto found = std::find_if(listed.names.begin(), listed.names.end(), fits);
      if (found != listed.names.end()) return std::pair(model_of(entry, listed), *found);
    }
  return std::nullopt;
}

std::string without_organisation(const std::string& name) { return name.substr(name.find_last_of('/') + 1); }

/// "org/model" or "model"; paths are none of ours.
bool may_be_an_id(const std::string& name) {
  return !name.empty() && std::isalnum(static_cast<unsigned char>(name[0])) != 0 &&
         std::count(name.begin(), name.end(), '/') <= 1;
}

std::vector<Node> endings(const char* kind) {
  const auto all = catalog::models().root().find("endings");
  return all ? all->at(kind).items() : std::vector<Node>();
}

bool ends_with(const std::string& name, const std::string& ending) {
  return name.size() > ending.size() && lower(name).ends_with(lower(ending));
}

std::string without_prefix(const std::string& name) {
  for (const Node& prefix : endings("prefixes"))
    if (name.starts_with(lower(prefix.text()))) return name.substr(prefix.text().size());
  return name;
}

/// In small letters, without endings that name a tuning: "llama-3.1-8b" of "Meta-Llama-3.1-8B-Instruct".
std::string untuned(const std::string& name) {
  std::string out = without_prefix(lower(name));
  for (bool again = true; again;) {
    again = false;
    for (const Node& ending : endings("tuning")) {
      if (!ends_with(out, ending.text())) continue;
      out.resize(out.size() - ending.text().size());
      again = true;
    }
  }
  return out;
}

/// By the name without organisation; the exact tuning first. Presets have no organisation and stand for themselves.
std::optional<std::pair<CatalogModel, std::string>> of_base(const std::string& base) {
  const auto is_id = [](const std::string& name) { return name.find('/') != std::string::npos; };
  const std::string small = lower(base), plain = untuned(base);
  auto exact = first_listed(
      [&](const std::string& name) { return is_id(name) && lower(without_organisation(name)) == small; }, false);
  if (exact) return exact;
  return first_listed(
      [&](const std::string& name) { return is_id(name) && untuned(without_organisation(name)) == plain; }, false);
}

bool is_of(const Node& row, const std::string& name) {
  const auto organisation = row.find("organisation");
  return !organisation || lower(name).starts_with(lower(organisation->text()) + "/");
}

/// The longest ending of a quantization that the name has; of equal ones the last, which names its organisation.
std::optional<Node> quantization_of(const std::string& name) {
  std::optional<Node> out;
  for (const Node& row : endings("quantization")) {
    const std::string ending = row.at("ending").text();
    if (ends_with(name, ending) && is_of(row, name) && (!out || ending.size() >= out->at("ending").text().size()))
      out = row;
  }
  return out;
}

std::optional<CatalogModel> quantized(const std::string& name, const Node& row) {
  const std::string base = without_organisation(name), ending = row.at("ending").text();
  auto found = of_base(base.substr(0, base.size() - ending.size()));
  if (!found) return std::nullopt;
  CatalogModel& model = found->first;
  const auto quantization = row.find("quantization_config");
  put(model.config, "quantization_config", quantization ? quantization->json() : Json());
  if (const auto wide = row.find("wide_attention")) model.wide_attention = wide->text();
  model.notes.push_back(name + " as " + found->second + " with " + row.at("means").text() + " (by its ending " +
                        base.substr(base.size() - ending.size()) + ")");
  return std::move(model);
}

/// Runs of letters in small letters, and of digits with the points between them: {"qwen", "b"}, {"2.5", "72"}.
struct Tokens {
  Texts words, numbers;
};

Tokens tokens_of(const std::string& name) {
  Tokens out;
  char before = ' ';
  std::string text = untuned(without_organisation(name));
  // Mistyped digits: "llama7ob".
  for (std::size_t i = 1; i < text.size(); ++i)
    if (text[i] == 'o' && std::isdigit(static_cast<unsigned char>(text[i - 1])) != 0) text[i] = '0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto is_digit = [&](std::size_t at) {
      return at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])) != 0;
    };
    const bool letter = std::isalpha(static_cast<unsigned char>(text[i])) != 0;
    const bool point = text[i] == '.' && before == '0' && is_digit(i + 1);
    const char kind = letter ? 'a' : is_digit(i) || point ? '0' : ' ';
    if (kind != ' ') {
      Texts& list = kind == 'a' ? out.words : out.numbers;
      if (kind != before) list.emplace_back();
      list.back() += text[i];
    }
    before = kind;
  }
  std::sort(out.words.begin(), out.words.end());
  std::sort(out.numbers.begin(), out.numbers.end());
  return out;
}

/// Every word has one of its own in the other list that differs in at most one letter of three.
bool same_words(const Texts& words, Texts others) {
  if (words.size() != others.size()) return false;
  return std::all_of(words.begin(), words.end(), [&](const std::string& word) {
    const auto found = std::find_if(others.begin(), others.end(), [&](const std::string& other) {
      return input::edit_distance(word, other, word.size() / 3) <= word.size() / 3;
    });
    if (found == others.end()) return false;
    others.erase(found);
    return true;
  });
}

/// What a listed checkpoint's weights are in; nothing where it states no quantization of its own.
std::optional<WeightFormats> formats_of(const CatalogModel& model, const std::string& name) {
  if (!model.config.contains("quantization_config")) return std::nullopt;
  const input::Document document(model.config, "catalog:models.json " + name);
  const ModelSpec spec = model_from_config(document.root(), name);
  return WeightFormats{spec.dtype, spec.attention_dtype, spec.expert_dtype, spec.head_dtype};
}

bool has_experts(const CatalogModel& model, const std::string& name) {
  const input::Document document(model.config, "catalog:models.json " + name);
  return has_experts(model_from_config(document.root(), name));
}

}  // namespace

std::optional<CatalogModel> listed_model(const std::string& name) {
  auto found = first_listed([&](const std::string& listed) { return listed == name; });
  if (!found) return std::nullopt;
  return std::move(found->first);
}

std::optional<CatalogModel> catalog_model(const std::string& name) {
  if (auto listed = listed_model(name)) return listed;
  if (!may_be_an_id(name)) return std::nullopt;
  const std::string base = without_organisation(name);
  if (auto found = of_base(base)) {
    // The same name in other letters is a slip of the keyboard, which a question answers better than a guess.
    if (lower(found->second) == lower(name)) return std::nullopt;
    found->first.notes.push_back(name + " as " + found->second + " (by its name)");
    // Somebody else's checkpoint of that ending may be composed otherwise.
    const auto row = quantization_of(name);
    if (const auto wide = row ? row->find("wide_attention") : std::nullopt) found->first.wide_attention = wide->text();
    return std::move(found->first);
  }
  const auto row = quantization_of(name);
  return row ? quantized(name, *row) : std::nullopt;
}

std::vector<std::string> listed_names() {
  Texts out;
  for (const Node& entry : entries())
    for (const Listed& listed : listed_of(entry)) out.insert(out.end(), listed.names.begin(), listed.names.end());
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> possibly_meant(const std::string& word) {
  const auto without_billions = [](const std::string& name) {  // "llama70"
    Tokens out = tokens_of(name);
    std::erase(out.words, "b");
    return out;
  };
  const Tokens wanted = without_billions(word);
  Texts out = listed_names();
  std::erase_if(out, [&](const std::string& name) {
    const Tokens here = without_billions(name);
    return here.numbers != wanted.numbers || !same_words(wanted.words, here.words);
  });
  return out;
}

std::optional<ListedCheckpoint> listed_checkpoint(const std::string& name, DType dtype) {
  const auto model = listed_model(name);
  if (!model) return std::nullopt;
  const bool experts = has_experts(*model, name);
  for (const Listed& listed : listed_of(model->entry)) {
    if (is_particular(listed)) continue;
    const auto formats = formats_of(model_of(model->entry, listed), listed.names.front());
    if (formats && family(experts ? formats->experts : formats->dense) == family(dtype))
      return ListedCheckpoint{listed.names.front(), *formats};
  }
  return std::nullopt;
}

}  // namespace ppplan::spec
