// Fills in what a plan costs: memory and verdict per stage, times per batch, warnings, provenance.
#pragma once

#include <vector>

#include "planner/cost/cost_book.h"
#include "planner/schedule/schedule.h"
#include "planner/spec/plan.h"

namespace ppplan::cost {

/// Memory of every stage (memory_account.h), KV tokens, verdict; needs model, cluster, workload, parallel, partition,
/// stages' devices and micro_batching.
void assess_memory(spec::Plan& plan);
/// times (prefill chunks of one prompt, then the decode step of an in-flight cohort), stages[].prefill_s and decode_s,
/// provenance, and a warning where a time lies outside of what was measured.
void assess_times(spec::Plan& plan, CostBook& book);

/// Seconds of each stage for one batch: its layers and the ends it owns.
std::vector<double> stage_seconds(const spec::Plan& plan, const spec::BatchTimes& times);

/// Decode cohorts in flight: min(in_flight, pp). Depth beyond pp holds no further cohort in vLLM, whose requests become
/// eligible again pp steps later.
int decode_cohorts(const spec::Plan& plan);
/// Sequences of one in-flight decode cohort of a replica: min(max_num_seqs, concurrency / dp, KV capacity) / in_flight,
/// rounded up; at least 1.
int cohort_sequences(const spec::Plan& plan);

enum class Phase { prefill, decode };
/// Default counts: 4 pp micro-batches of prefill, 8 rounds of decode.
int default_count(const spec::Plan& plan, Phase phase);
/// The plan as operations, one replica after another, sharing the cluster's links: `count` micro-batches of prefill
/// (chunks of prompts in order) or `count` decode rounds of the in-flight cohorts.
schedule::Schedule expand(const spec::Plan& plan, Phase phase, int count);
/// Durations of every op when alone on its links and its processor: what longest_path takes.
std::vector<double> uncontended_seconds(const schedule::Schedule& schedule, const spec::ClusterSpec& cluster);

/// Throughput, TTFT, TPOT, bubble, balance, bound with their intervals, in closed form (no simulation): cycle = slowest
/// stage + what of its transfer can't overlap; fill and drain from the other stages.
spec::Predicted analytic(const spec::Plan& plan);

}  // namespace ppplan::cost
