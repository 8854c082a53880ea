#include "planner/spec/training_plan_json.h"

#include "planner/spec/plan_json.h"

namespace ppplan::spec {
namespace {

using input::Json;

Json memory_json(const TrainingMemory& m) {
  return {{"weights_bytes", m.weights_bytes},
          {"gradients_bytes", m.gradients_bytes},
          {"optimizer_bytes", m.optimizer_bytes},
          {"activation_bytes", m.activation_bytes},
          {"working_bytes", m.working_bytes},
          {"other_bytes", m.other_bytes},
          {"free_bytes", m.free_bytes},
          {"margin_bytes", m.margin_bytes},
          {"uncertainty_bytes", m.uncertainty_bytes}};
}

Json ranks_json(const TrainingPlan& plan) {
  Json out = Json::array();
  for (const TrainingRank& rank : plan.ranks)
    out.push_back({{"devices", rank.devices},
                   {"stages", rank.stages},
                   {"verdict", name(rank.verdict)},
                   {"memory", memory_json(rank.memory)},
                   {"busy_s", rank.busy_s},
                   {"peak_micro_batches", rank.peak_micro_batches},
                   {"gradient_sync_s", rank.gradient_sync_s},
                   {"exposed_sync_s", rank.exposed_sync_s}});
  return out;
}

Json stages_json(const TrainingPlan& plan) {
  Json out = Json::array();
  for (const TrainingStage& stage : plan.stages)
    out.push_back({{"rank", stage.rank},
                   {"first_layer", stage.first_layer},
                   {"end_layer", stage.end_layer},
                   {"forward_s", stage.forward_s},
                   {"backward_input_s", stage.backward_input_s},
                   {"backward_weight_s", stage.backward_weight_s},
                   {"send_s", stage.send_s},
                   {"activation_bytes", stage.activation_bytes}});
  return out;
}

Json predicted_json(const TrainingPredicted& p) {
  return {{"step_s", p.step_s},
          {"tokens_per_s", p.tokens_per_s},
          {"pipeline_s", p.pipeline_s},
          {"exposed_sync_s", p.exposed_sync_s},
          {"update_s", p.update_s},
          {"bubble_fraction", p.bubble_fraction},
          {"span_bubble_fraction", p.span_bubble_fraction},
          {"lower_bound_s", p.lower_bound_s},
          {"model_flops_fraction", p.model_flops_fraction},
          {"uncertainty", {{"step_s", {p.step_range_s.low, p.step_range_s.high}}}}};
}

Json settings_json(const TrainingPlan& plan) {
  const TrainingSettings& s = plan.settings;
  Json out{{"schedule", s.schedule},
           {"chunks", s.chunks},
           {"micro_batch_sequences", s.sequences},
           {"micro_batches", s.micro_batches},
           {"global_batch", plan.task.global_batch},
           {"sequence_tokens", plan.task.sequence_tokens},
           {"recompute", s.recompute},
           {"sharded_optimizer", s.sharded_optimizer}};
  if (!s.order.empty()) out["order"] = s.order;
  return out;
}

Json inputs_json(const TrainingPlan& plan) {
  Json out{{"assumed", plan.assumed}, {"flags", Json::object()}};
  for (const auto& [flag, value] : plan.inputs) out["flags"][flag] = value;
  out["model"] = to_json(plan.model);
  out["cluster"] = to_json(plan.cluster);
  return out;
}

}  // namespace

Json to_json(const TrainingPlan& plan) {
  Json out{{"format", "ppplan/training-plan/1"}};
  out["model"] = {{"name", plan.model.name}, {"num_layers", plan.model.layers.size()}};
  out["parallel"] = {{"tp", plan.parallel.tp}, {"pp", plan.parallel.pp}, {"dp", plan.parallel.dp}};
  out["training"] = settings_json(plan);
  out["partition"] = plan.partition;
  out["stages"] = stages_json(plan);
  out["ranks"] = ranks_json(plan);
  out["predicted"] = predicted_json(plan.predicted);
  out["verdict"] = name(plan.verdict);
  out["warnings"] = plan.warnings;
  out["launch"] = {{"env", plan.launch.env}, {"command", plan.launch.command}};
  out["provenance"] = {
      {"costs", plan.provenance.costs}, {"engine", plan.provenance.engine}, {"profile", plan.provenance.profile}};
  out["inputs"] = inputs_json(plan);
  return out;
}

}  // namespace ppplan::spec
