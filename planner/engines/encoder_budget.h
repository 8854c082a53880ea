// What the profile run of a vision model sends through its tower: as many of the largest item as the encoder's budget
// holds.
//   largest item  an image, or a video of `video_frames` frames in pairs, each pair as large as the largest image, as
//                 far as max_model_len reaches (before 0.10.2 less one image)
//   budget        max(max_num_batched_tokens, tokens of the largest item)
//   items         budget / tokens of an item, at least 1, at most max_num_seqs prompts bring; rounded up before 0.10.1
//   tokens        items * tokens of the item that is really made: before 0.11 its video was cut to what
//                 max_num_batched_tokens holds
//   timed video   of Qwen3-VL, 0.11 and 0.12: one pair of frames for requests below `whole_from` tokens, else as many
//                 frames as its preprocessor takes; the budget counts 12.5 places for each of its tokens
//   cache         rows that the profile run keeps beside the outputs, 0.11 and 0.12: every item's places (0.11: the
//   whole
//                 budget for each) where those are more than its tokens
//   engine V0     all images and videos that a prompt may bring (one each unless stated) in each of
//                 max_num_batched_tokens / (tokens of them) sequences, at least one; the tower works on all images at
//                 once, then on all videos; where the language model attends to images (Llama 3.2), in each of
//                 max_num_seqs sequences
//   fixed video   of Gemma 4: as many places and tokens whatever the request's length
//   limits        a kind of item that prompts may not bring is not made (--limit-mm-per-prompt); where none may come,
//                 nothing is, and since 0.10.1 the tower is not loaded either
//   data parallel every rank works on its share of the items (--mm-encoder-tp-mode data)
//   a patch       vectors of the tower's width that stand in memory at once and the pixels it was made of. Of towers
//                 whose data states no vectors (Qwen's): residual and normed input 2, what attention makes of q, k and
//                 v divided by ranks, and before 0.11.1 with several ranks q, k and v of all heads, gathered and
//                 copied. Attention that was computed step by step in a release ("older") has a score of every patch of
//                 an image beside them
// Source: vllm/v1/core/encoder_cache_manager.py, v1/worker/gpu_model_runner.py (profile_run, _get_mm_dummy_batch) and
// models/qwen2_vl.py, qwen3_vl.py of v0.8.5, v0.9.2, at 80608ba5af (2025-09-30) and 017e9f4448 (2026-08-17); dimensions
// in planner/catalog/data/architectures.json ("encoder").
#pragma once

#include <cstdint>
#include <string>

#include "planner/spec/plan.h"

namespace ppplan::engines {

struct EncoderLoad {
  std::int64_t tokens = 0;         // that the tower hands to the model
  std::int64_t patches = 0;        // that it works on
  double bytes_per_patch = 0;      // of its activations at once
  std::int64_t cached_tokens = 0;  // rows kept beside those
  std::int64_t budget_tokens = 0;  // of the encoder cache, as the server's log names it
  bool operator==(const EncoderLoad&) const = default;
};

/// Of a plan whose model has a tower; zeros for architectures whose data names no items.
EncoderLoad encoder_load(const spec::Plan& plan);
/// No prompt may bring anything that the tower would read, and the version leaves the tower out then.
bool leaves_tower_out(const spec::Plan& plan);

}  // namespace ppplan::engines
