#include "exec/training_stage.h"

#include <algorithm>

#include "planner/input/input_error.h"

namespace ppplan::exec {

namespace {

using kernels::host::Buffer;

kernels::host::LayerShape trained_shape(const spec::ModelSpec& model, int layer) {
  const kernels::host::LayerShape shape = layer_shape(model, layer);
  if (shape.latent)
    throw input::InputError(model.name, "/layers/" + std::to_string(layer) + "/attention",
                            "grouped-query attention, the only one that is trained here", "latent attention");
  return shape;
}

}  // namespace

TrainingStage::TrainingStage(const TrainingRun& run, const spec::Stage& stage, int micro_batches,
                             kernels::host::BufferPool& pool)
    : operations_(kernels::host::operations()),
      backward_(kernels::host::backward_operations()),
      pool_(pool),
      stage_(stage),
      hidden_(run.model.hidden),
      vocabulary_(run.model.vocabulary),
      norm_epsilon_(static_cast<float>(run.model.norm_epsilon)),
      batch_(run.batch()),
      kept_(static_cast<std::size_t>(micro_batches)) {
  if (stage.embedding) {
    embedding_ = end_weights(run.model, End::embedding, run.seed);
    add_parameter("embedding", {embedding_.data(), embedding_.size()});
  }
  for (int index = stage.first_layer; index < stage.end_layer; ++index) {
    shapes_.push_back(trained_shape(run.model, index));
    layers_.emplace_back(shapes_.back(), index, run.seed);
    add_parameter("layer " + std::to_string(index), layers_.back().values());
    layer_gradients_.push_back(gradient_arrays(shapes_.back(), parameters_.back().gradient.data()));
    const int head_dim = shapes_.back().attention.head_dim;
    if (!rope_.contains(head_dim))
      rope_.emplace(head_dim, kernels::host::RopeTable(run.model.rope_theta, run.tokens, head_dim));
  }
  workspace_ = kernels::host::TrainingWorkspace(shapes_, batch_);
  if (!stage.head) return;
  final_norm_ = final_norm(run.model, run.seed);
  add_parameter("final norm", {final_norm_.data(), final_norm_.size()});
  head_ = end_weights(run.model, End::head, run.seed);
  add_parameter(run.model.tied_embedding ? "embedding" : "head", {head_.data(), head_.size()});
  row_loss_ = Buffer(rows_of(1));
  normed_gradient_ = Buffer(rows_of(hidden_));
}

std::size_t TrainingStage::rows_of(int width) const {
  return static_cast<std::size_t>(batch_.rows()) * static_cast<std::size_t>(width);
}

void TrainingStage::add_parameter(std::string name, std::span<float> weights) {
  const std::size_t count = weights.size();
  parameters_.push_back({std::move(name), weights, Buffer(count), Buffer(count), Buffer(count)});
}

kernels::host::TrainedLayer TrainingStage::layer(std::size_t index, Kept& kept) {
  return {
      operations_, backward_,  shapes_[index],    layers_[index].weights(), rope_.at(shapes_[index].attention.head_dim),
      batch_,      workspace_, kept.layers[index]};
}

void TrainingStage::acquire(Kept& kept) {
  for (std::size_t l = 0; l <= shapes_.size(); ++l) kept.stream.push_back(pool_.acquire(rows_of(hidden_)));
  kept.layers.resize(shapes_.size());
  for (std::size_t l = 0; l < shapes_.size(); ++l) kept.layers[l].acquire(shapes_[l], batch_.rows(), pool_);
  if (!stage_.head) return;
  kept.normed = pool_.acquire(rows_of(hidden_));
  kept.logits = pool_.acquire(rows_of(vocabulary_));
  kept.final_gain = pool_.acquire(static_cast<std::size_t>(hidden_));
}

void TrainingStage::forward(int micro_batch, const float* x, const Samples& samples, float loss_scale) {
  Kept& kept = at(micro_batch);
  acquire(kept);
  kept.samples = samples;
  if (stage_.embedding) {
    operations_.embed(kept.samples.tokens.data(), embedding_.data(), batch_.rows(), hidden_, kept.stream[0].data());
  } else {
    std::copy_n(x, rows_of(hidden_), kept.stream[0].data());
  }
  for (std::size_t l = 0; l < shapes_.size(); ++l) {
    kernels::host::layer_forward(layer(l, kept), kept.stream[l].data(), kept.stream[l + 1].data());
  }
  if (stage_.head) head_forward(kept, loss_scale);
}

void TrainingStage::head_forward(Kept& kept, float loss_scale) {
  const int rows = batch_.rows();
  operations_.rms_norm(kept.stream.back().data(), final_norm_.data(), norm_epsilon_, rows, hidden_, hidden_,
                       kept.normed.data());
  operations_.linear(kept.normed.data(), head_.data(), nullptr, rows, hidden_, vocabulary_, kept.logits.data());
  backward_.cross_entropy(kept.logits.data(), kept.samples.targets.data(), rows, vocabulary_, loss_scale,
                          row_loss_.data());
  kept.loss = 0;
  for (int row = 0; row < rows; ++row) kept.loss += static_cast<double>(row_loss_.data()[row]);
}

void TrainingStage::head_backward_input(Kept& kept) {
  const int rows = batch_.rows();
  float* x = kept.stream.back().data();
  std::fill_n(kept.final_gain.data(), kept.final_gain.size(), 0.0f);
  backward_.linear_input(kept.logits.data(), head_.data(), rows, hidden_, vocabulary_, normed_gradient_.data());
  backward_.rms_norm_gain(x, norm_epsilon_, normed_gradient_.data(), rows, hidden_, hidden_, kept.final_gain.data());
  backward_.rms_norm_input(x, final_norm_.data(), norm_epsilon_, normed_gradient_.data(), rows, hidden_, hidden_, x);
}

void TrainingStage::backward_input(int micro_batch, const float* output_gradient) {
  Kept& kept = at(micro_batch);
  if (stage_.head) {
    head_backward_input(kept);
  } else {
    std::copy_n(output_gradient, rows_of(hidden_), kept.stream.back().data());
  }
  for (std::size_t l = shapes_.size(); l-- > 0;) {
    float* x = kept.stream[l].data();
    kernels::host::layer_backward_input(layer(l, kept), x, kept.stream[l + 1].data(), x, pool_);
  }
}

void TrainingStage::head_backward_weight(Kept& kept) {
  Parameter& head = parameters_.back();
  Parameter& norm = parameters_[parameters_.size() - 2];
  backward_.linear_weight(kept.normed.data(), kept.logits.data(), batch_.rows(), hidden_, vocabulary_,
                          head.gradient.data(), nullptr);
  operations_.add(norm.gradient.data(), kept.final_gain.data(), norm.gradient.size(), norm.gradient.data());
}

void TrainingStage::backward_weight(int micro_batch) {
  Kept& kept = at(micro_batch);
  if (stage_.head) head_backward_weight(kept);
  for (std::size_t l = 0; l < shapes_.size(); ++l) {
    kernels::host::layer_backward_weight(layer(l, kept), kept.stream[l + 1].data(), layer_gradients_[l]);
    kept.layers[l].release(pool_);
  }
  if (stage_.embedding) {
    backward_.scatter(kept.stream[0].data(), kept.samples.tokens.data(), batch_.rows(), hidden_,
                      parameters_.front().gradient.data());
  }
  for (Buffer& buffer : kept.stream) pool_.release(buffer);
  kept.stream.clear();
  for (Buffer* buffer : {&kept.normed, &kept.logits, &kept.final_gain}) pool_.release(*buffer);
}

void TrainingStage::clear_gradients() {
  for (Parameter& parameter : parameters_) {
    std::fill_n(parameter.gradient.data(), parameter.gradient.size(), 0.0f);
  }
}

void TrainingStage::update(const kernels::host::AdamW& optimizer, int step) {
  for (Parameter& p : parameters_) {
    backward_.adamw(p.weights.data(), p.gradient.data(), p.mean.data(), p.square.data(), p.weights.size(), optimizer,
                    step);
  }
}

}  // namespace ppplan::exec
