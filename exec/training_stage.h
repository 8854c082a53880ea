// One pipeline stage in training on one CPU core: its weights with gradients and optimizer state, and what its
// micro-batches keep between their passes.
//
// A micro-batch keeps the residual stream before each layer and after the last, [layers + 1, rows, hidden], what each
// layer keeps (kernels/host/layer_training.h), and with the head its normed input and the logits. The input gradient
// writes gradients in their places: stream, heads, feed-forward, logits alike. So it frees the inputs of query and key
// norms and nothing else; a stage without those holds as much until its weight gradient as after its forward, and
// released_by_input_gradient of planner/schedule/training_costs.h is 0 on this executor.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "exec/host_weights.h"
#include "exec/training_run.h"
#include "kernels/host/layer_training.h"

namespace ppplan::exec {

/// Weights that are updated together. Arrays of one name are copies of each other, or, of a tied embedding, the same
/// matrix in two uses: their gradients belong together.
struct Parameter {
  std::string name;  // "embedding", "layer 3", "final norm", "head"
  std::span<float> weights;
  kernels::host::Buffer gradient, mean, square;
};

/// Not for use by two threads at once.
class TrainingStage {
 public:
  /// Layers and ends of `stage`. Activations come from `pool`, which outlives the stage.
  TrainingStage(const TrainingRun& run, const spec::Stage& stage, int micro_batches, kernels::host::BufferPool& pool);

  /// From x [rows, hidden], which is copied, or from the tokens where the stage owns the embedding. With the head it
  /// ends in the loss. Gradients will be those of `loss_scale` times the sum of the losses of all rows.
  void forward(int micro_batch, const float* x, const Samples& samples, float loss_scale);
  /// From the gradient of the output, which is copied; of a stage with the head from its loss.
  void backward_input(int micro_batch, const float* output_gradient);
  /// Adds to the gradients of the weights and gives up what the micro-batch kept.
  void backward_weight(int micro_batch);

  /// [rows, hidden], from the forward to the input gradient.
  const float* output(int micro_batch) const { return at(micro_batch).stream.back().data(); }
  /// [rows, hidden], from the input gradient to the weight gradient.
  const float* input_gradient(int micro_batch) const { return at(micro_batch).stream.front().data(); }
  /// Sum over rows, of the stage with the head.
  double loss(int micro_batch) const { return at(micro_batch).loss; }
  bool holds(int micro_batch) const { return !at(micro_batch).stream.empty(); }

  std::vector<Parameter>& parameters() { return parameters_; }
  void clear_gradients();
  /// `step` counts from 1.
  void update(const kernels::host::AdamW& optimizer, int step);

 private:
  struct Kept {
    std::vector<kernels::host::Buffer> stream;  // [layers + 1]: input of each layer, then their gradients
    std::vector<kernels::host::LayerActivations> layers;
    kernels::host::Buffer normed;      // [rows, hidden] as the head takes it
    kernels::host::Buffer logits;      // [rows, vocabulary]; from the loss on their gradient
    kernels::host::Buffer final_gain;  // [hidden] gradient of the final norm's gain
    Samples samples;
    double loss = 0;
  };
  const Kept& at(int micro_batch) const { return kept_.at(static_cast<std::size_t>(micro_batch)); }
  Kept& at(int micro_batch) { return kept_.at(static_cast<std::size_t>(micro_batch)); }
  std::size_t rows_of(int width) const;
  kernels::host::TrainedLayer layer(std::size_t index, Kept& kept);
  void add_parameter(std::string name, std::span<float> weights);
  void acquire(Kept& kept);
  void head_forward(Kept& kept, float loss_scale);
  void head_backward_input(Kept& kept);
  void head_backward_weight(Kept& kept);

  const kernels::host::Operations& operations_;
  const kernels::host::BackwardOperations& backward_;
  kernels::host::BufferPool& pool_;
  spec::Stage stage_;
  int hidden_ = 0;
  int vocabulary_ = 0;
  float norm_epsilon_ = 0;
  kernels::host::LayerBatch batch_;
  std::vector<kernels::host::LayerShape> shapes_;
  std::vector<LayerMemory> layers_;
  std::vector<kernels::host::LayerGradients> layer_gradients_;
  std::map<int, kernels::host::RopeTable> rope_;  // by head dimension
  kernels::host::TrainingWorkspace workspace_;
  kernels::host::Buffer embedding_, head_, final_norm_;
  kernels::host::Buffer row_loss_;         // [rows]
  kernels::host::Buffer normed_gradient_;  // [rows, hidden]
  std::vector<Parameter> parameters_;      // embedding, layers, final norm, head
  std::vector<Kept> kept_;                 // [micro-batch]
};

}  // namespace ppplan::exec
