#include "planner/schedule/torch_csv.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "planner/input/input_error.h"
#include "planner/schedule/torch_check.h"

namespace ppplan::schedule {
namespace {

constexpr std::string_view overlap_name = "OVERLAP_F_B";
constexpr std::array<std::pair<std::string_view, TorchKind>, 11> names{{{"F", TorchKind::forward},
                                                                        {"I", TorchKind::input_gradient},
                                                                        {"W", TorchKind::weight_gradient},
                                                                        {"B", TorchKind::backward},
                                                                        {"SEND_F", TorchKind::send_f},
                                                                        {"RECV_F", TorchKind::recv_f},
                                                                        {"SEND_B", TorchKind::send_b},
                                                                        {"RECV_B", TorchKind::recv_b},
                                                                        {"UNSHARD", TorchKind::unshard},
                                                                        {"RESHARD", TorchKind::reshard},
                                                                        {"REDUCE_GRAD", TorchKind::reduce_grad}}};

/// Takes a whole number off the front; nothing where there is none or it has more than nine digits.
std::optional<int> take_number(std::string_view& text) {
  constexpr std::ptrdiff_t most_digits = 9;
  int value = 0;
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end - text.data() > most_digits) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

std::optional<TorchAction> parse_simple(std::string_view text) {
  TorchAction action;
  const auto stage = take_number(text);
  const auto letters = std::min(text.find_first_of("0123456789"), text.size());
  const auto known = std::ranges::find(names, text.substr(0, letters), &decltype(names)::value_type::first);
  if (!stage || known == names.end()) return std::nullopt;
  action.kind = known->second;
  action.stage = *stage;
  text.remove_prefix(letters);
  if (action.kind >= TorchKind::unshard) return text.empty() ? std::optional(action) : std::nullopt;
  const auto micro_batch = take_number(text);
  if (!micro_batch || !text.empty()) return std::nullopt;
  action.micro_batch = *micro_batch;
  return action;
}

/// A forward with the whole backward of another micro-batch or stage.
std::optional<TorchAction> parse_action(std::string_view text) {
  if (!text.starts_with('(')) return parse_simple(text);
  const auto close = text.find(')'), middle = text.find(';');
  if (close == text.npos || middle == text.npos || middle > close || text.substr(close + 1) != overlap_name)
    return std::nullopt;
  const auto first = parse_simple(text.substr(1, middle - 1));
  const auto second = parse_simple(text.substr(middle + 1, close - middle - 1));
  if (!first || !second || first->kind != TorchKind::forward || second->kind != TorchKind::backward)
    return std::nullopt;
  return TorchAction{TorchKind::overlap, -1, -1, {*first, *second}};
}

std::string_view stripped(std::string_view cell) {
  constexpr std::string_view blanks = " \t\r";
  const auto strip = [&] {
    cell.remove_prefix(std::min(cell.find_first_not_of(blanks), cell.size()));
    while (!cell.empty() && blanks.find(cell.back()) != cell.npos) cell.remove_suffix(1);
  };
  strip();
  if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"') {
    cell = cell.substr(1, cell.size() - 2);
    strip();
  }
  return cell;
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> out;
  for (;;) {
    const auto end = text.find(at);
    out.push_back(text.substr(0, end));
    if (end == text.npos) return out;
    text.remove_prefix(end + 1);
  }
}

std::string quoted(std::string_view cell) {
  constexpr std::size_t most = 40;
  return "'" + std::string(cell.substr(0, most)) + (cell.size() > most ? "...'" : "'");
}

TorchRow parse_row(std::string_view line, std::size_t row, const std::string& source) {
  TorchRow out;
  for (const std::string_view field : split(line, ',')) {
    const std::string_view cell = stripped(field);
    if (cell.empty()) {
      out.emplace_back();
      continue;
    }
    out.push_back(parse_action(cell));
    if (!out.back())
      throw input::InputError(source, torch_place(row, out.size() - 1),
                              "an action such as 0F3, 1I0, 1W0, 2B1, 0SEND_F3, 1RECV_F3, 1UNSHARD or "
                              "(0F3;7B1)OVERLAP_F_B, or nothing",
                              quoted(cell));
  }
  return out;
}

}  // namespace

std::string torch_text(const TorchAction& action) {
  if (action.kind == TorchKind::overlap)
    return "(" + torch_text(action.parts.at(0)) + ";" + torch_text(action.parts.at(1)) + ")" +
           std::string(overlap_name);
  const auto known = std::ranges::find(names, action.kind, &decltype(names)::value_type::second);
  return std::to_string(action.stage) + std::string(known->first) +
         (action.micro_batch < 0 ? "" : std::to_string(action.micro_batch));
}

std::string torch_place(std::size_t row, std::size_t column) {
  return "row " + std::to_string(row + 1) + ", column " + std::to_string(column + 1);
}

TorchSchedule torch_from_csv(std::string_view text, const std::string& source) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  TorchSchedule schedule;
  for (const std::string_view line : split(text, '\n'))
    schedule.rows.push_back(parse_row(line, schedule.rows.size(), source));
  check_torch(schedule, source);
  return schedule;
}

std::string torch_to_csv(const TorchSchedule& schedule) {
  std::string out;
  for (const TorchRow& row : schedule.rows) {
    for (std::size_t k = 0; k < row.size(); ++k) {
      if (k > 0) out += ',';
      if (row[k]) out += torch_text(*row[k]);
    }
    out += '\n';
  }
  return out;
}

}  // namespace ppplan::schedule
