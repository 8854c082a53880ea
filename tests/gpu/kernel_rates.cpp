// gpu_kernel_rates: how near the kernels come to what the GPU does, one line a figure: NAME FRACTION LEAST WORDS, where
// FRACTION is to be at least LEAST. Products against the best that cuBLASLt's heuristic offers or a search of all its
// algorithms finds (gemm_search.h: takes minutes), decode attention against the memory bandwidth of a copy, prefill
// attention against the rate of a large product. Shapes are those of llama70b on one GPU.
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <numeric>
#include <random>

#include "kernels/cuda/linear.h"
#include "tests/gpu/gemm_search.h"

namespace {

using namespace ppplan::kernels::cuda;

constexpr int kHidden = 8192, kHeads = 64, kKvHeads = 8, kHeadDim = 128, kIntermediate = 28672, kPageTokens = 16;
constexpr AttentionShape kAttention{kHeads, kKvHeads, kHeadDim, 0};
constexpr int kRuns = 10, kSamples = 11;

std::size_t area(int rows, int width) { return static_cast<std::size_t>(rows) * static_cast<std::size_t>(width); }

/// Values of a period that no tile has; on a GPU zeros would take less power than real data.
DeviceArray<Bf16> drawn(std::size_t count, cudaStream_t stream) {
  std::mt19937 random(1);
  std::vector<Bf16> period(1021 * 997);
  for (Bf16& value : period) value = __float2bfloat16_rn(std::uniform_real_distribution<float>(-1, 1)(random));
  std::vector<Bf16> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = period[i % period.size()];
  return uploaded(std::span<const Bf16>(values), stream);
}

DeviceArray<int> counted(int count, cudaStream_t stream) {
  std::vector<int> values(static_cast<std::size_t>(count));
  std::iota(values.begin(), values.end(), 0);
  return uploaded(std::span<const int>(values), stream);
}

/// Median seconds of a run.
double seconds_of(const std::function<void()>& enqueue, cudaStream_t stream) {
  const Event begin = make_event(), end = make_event();
  std::vector<float> samples;
  for (int sample = -1; sample < kSamples; ++sample) {
    PPPLAN_CHECK(cudaEventRecord(begin, stream));
    for (int run = 0; run < kRuns; ++run) enqueue();
    PPPLAN_CHECK(cudaEventRecord(end, stream));
    PPPLAN_CHECK(cudaStreamSynchronize(stream));
    float milliseconds = 0;
    PPPLAN_CHECK(cudaEventElapsedTime(&milliseconds, begin, end));
    if (sample >= 0) samples.push_back(milliseconds / kRuns);
  }
  std::nth_element(samples.begin(), samples.begin() + kSamples / 2, samples.end());
  return 1e-3 * static_cast<double>(samples[kSamples / 2]);
}

void tell(const std::string& name, double fraction, double least, const std::string& words) {
  fmt::print("{} {:.4f} {:.2f} {}\n", name, fraction, least, words);
}

double copy_bytes_per_s(cudaStream_t stream) {
  constexpr std::size_t kBytes = std::size_t{1} << 30;
  const DeviceArray<std::byte> from(kBytes), to(kBytes);
  const double copy_s = seconds_of(
      [&] { PPPLAN_CHECK(cudaMemcpyAsync(to.data(), from.data(), kBytes, cudaMemcpyDeviceToDevice, stream)); }, stream);
  return 2 * static_cast<double>(kBytes) / copy_s;
}

struct Product {
  DeviceArray<Bf16> x, weight, out;
  LinearShape shape;
  LinearArrays arrays() const { return {x.data(), weight.data(), nullptr, nullptr, out.data()}; }
};
Product product_of(int rows, int inputs, int outputs, cudaStream_t stream) {
  return {drawn(area(rows, inputs), stream),
          drawn(area(outputs, inputs), stream),
          DeviceArray<Bf16>(area(rows, outputs)),
          {rows, inputs, outputs, false, false, OutputType::bf16}};
}

void compare_products(Linear& linear, cudaStream_t stream) {
  constexpr int kOffers = 256;
  constexpr struct {
    int rows, inputs, outputs;
  } kShapes[] = {{2048, kHidden, (kHeads + 2 * kKvHeads) * kHeadDim},
                 {2048, kHidden, 2 * kIntermediate},
                 {2048, kIntermediate, kHidden},
                 {64, kHidden, 2 * kIntermediate},
                 {1, kHidden, (kHeads + 2 * kKvHeads) * kHeadDim}};
  for (const auto& s : kShapes) {
    const Product p = product_of(s.rows, s.inputs, s.outputs, stream);
    const std::vector<double> offered = linear.offered_seconds(p.shape, p.arrays(), kOffers, stream);
    const double ours_s = seconds_of([&] { linear.run(p.shape, p.arrays(), stream); }, stream);
    const ppplan::gpu_tests::SearchedGemm searched = ppplan::gpu_tests::search_gemm(p.shape, p.arrays(), stream);
    const double best_offered_s = *std::min_element(offered.begin(), offered.end());
    tell(
        fmt::format("gemm_{}x{}x{}", s.rows, s.inputs, s.outputs),
        std::min({searched.best_s, best_offered_s, ours_s}) / ours_s, 0.95,
        fmt::format("ours takes {:.1f} us, the best of {} offered {:.1f} us, of {} searched ({} refused) {:.1f} us: {}",
                    1e6 * ours_s, offered.size(), 1e6 * best_offered_s, searched.accepted, searched.refused,
                    1e6 * searched.best_s, searched.best));
  }
}

double matrix_flops_per_s(Linear& linear, cudaStream_t stream) {
  constexpr int kSide = 8192;
  const Product p = product_of(kSide, kSide, kSide, stream);
  linear.run(p.shape, p.arrays(), stream);
  return 2.0 * kSide * kSide * kSide / seconds_of([&] { linear.run(p.shape, p.arrays(), stream); }, stream);
}

/// Sequences of as many tokens, each in its own pages.
struct Cache {
  Cache(int sequences, int tokens, cudaStream_t stream)
      : keys(drawn(area(sequences * tokens, kKvHeads * kHeadDim), stream)),
        values(drawn(keys.size(), stream)),
        pages(counted(sequences * tokens / kPageTokens, stream)),
        lengths(uploaded(std::span<const int>(std::vector<int>(static_cast<std::size_t>(sequences), tokens)), stream)),
        batch{sequences, lengths.data(), pages.data(), tokens / kPageTokens} {}
  PagedKv kv() const { return {keys.data(), values.data(), kPageTokens}; }
  double bytes() const { return 2.0 * sizeof(Bf16) * static_cast<double>(keys.size()); }
  DeviceArray<Bf16> keys, values;
  DeviceArray<int> pages, lengths;
  PagedBatch batch;
};

void measure_decode(double bytes_per_s, int processors, cudaStream_t stream) {
  constexpr int kSequences = 32, kTokens = 8192;
  const Cache cache(kSequences, kTokens, stream);
  const int stride = (kHeads + 2 * kKvHeads) * kHeadDim;
  const DeviceArray<Bf16> queries = drawn(area(kSequences, stride), stream);
  const DeviceArray<Bf16> out(area(kSequences, kHeads * kHeadDim));
  const int splits = std::max(1, 2 * processors / (kSequences * kKvHeads));
  const DeviceArray<float> scratch(decode_scratch(kAttention, kSequences, splits));
  const double run_s = seconds_of(
      [&] {
        decode_attention(queries.data(), stride, kAttention, cache.kv(), cache.batch, splits, scratch.data(),
                         out.data(), stream);
      },
      stream);
  tell("decode_attention", cache.bytes() / run_s / bytes_per_s, 0.8,
       fmt::format("{} sequences of {} tokens in {:.1f} us, a copy moves {:.0f} GB/s", kSequences, kTokens, 1e6 * run_s,
                   1e-9 * bytes_per_s));
}

void measure_prefill(double flops_per_s, cudaStream_t stream) {
  constexpr int kTokens = 8192;
  const Cache cache(1, kTokens, stream);
  const int stride = (kHeads + 2 * kKvHeads) * kHeadDim;
  const DeviceArray<Bf16> queries = drawn(area(kTokens, stride), stream);
  const DeviceArray<Bf16> out(area(kTokens, kHeads * kHeadDim));
  const std::vector<int> rows{0, kTokens};
  const DeviceArray<int> query_start = uploaded(std::span<const int>(rows), stream);
  const double run_s = seconds_of(
      [&] {
        prefill_attention(queries.data(), stride, query_start.data(), kTokens, kAttention, cache.kv(), cache.batch,
                          out.data(), stream);
      },
      stream);
  // Scores and weighted values, over the causal half.
  const double flops = 4.0 * kHeads * kHeadDim * kTokens * (kTokens + 1.0) / 2;
  tell("prefill_attention", flops / run_s / flops_per_s, 0.5,
       fmt::format("{} tokens in {:.1f} us, a product of 8192 reaches {:.0f} TFLOP/s", kTokens, 1e6 * run_s,
                   1e-12 * flops_per_s));
}

void measure() {
  int processors = 0;
  PPPLAN_CHECK(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, 0));
  const Stream stream = make_stream();
  Linear linear(blas_library());
  compare_products(linear, stream);
  measure_decode(copy_bytes_per_s(stream), processors, stream);
  measure_prefill(matrix_flops_per_s(linear, stream), stream);
}

}  // namespace

int main() {
  try {
    measure();
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "gpu_kernel_rates: {}\n", error.what());
    return 4;
  }
}
