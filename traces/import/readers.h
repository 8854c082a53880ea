// The four kinds of public tables, each read into the profile under way. See import_profile.h for what they hold.
//
// Every reader adds operations, messages, fits and held-out errors; sets `engine` where the table names one; throws
// InputError.
#pragma once

#include <string>
#include <vector>

#include "traces/import/csv_table.h"
#include "traces/import/import_profile.h"

namespace ppplan::traces {

void read_measured_csv(const CsvTable& table, const ImportOptions& options, Profile& profile);
void read_aiconfigurator(const std::vector<CsvTable>& tables, const ImportOptions& options, Profile& profile);
void read_llmservingsim(const CsvTable& table, const ImportOptions& options, Profile& profile);
void read_vidur(const CsvTable& table, const ImportOptions& options, Profile& profile);

/// A network table of vidur, which may stand beside tables of other projects: messages of every (collective, link,
/// ranks), thinned.
bool is_vidur_network(const CsvTable& table);
void read_vidur_network(const CsvTable& table, const ImportOptions& options, Profile& profile);

/// Adds operations thinned by (op, dtype, tp, shape), and the error of those left out by op. Repeats of one size are
/// averaged.
void add_thinned(const std::vector<Operation>& operations, Profile& profile);
/// Adds messages thinned by (op, link, ranks), and the error of those left out by (op, link).
void add_thinned(const std::vector<LinkSample>& samples, int per_octave, Profile& profile);

/// What the public tables call a device, and what they don't tell of it.
struct KnownDevice {
  std::string_view part_of_name;
  int multiprocessors;
  std::string_view intra_node_link;
};
/// Facts of the device of that name, or of none: {"", 1, "nvlink"}.
KnownDevice known_device(std::string_view name);
/// The same for what the user calls it and asks for.
int multiprocessors_of(const ImportOptions& options, std::string_view device_name);
std::string intra_node_link_of(const ImportOptions& options, std::string_view device_name);

}  // namespace ppplan::traces
