// Logs in the shapes that vLLM's releases print; the shapes are public (vLLM's sources and issues), the figures are
// made up unless a test says otherwise.
#pragma once

namespace ppplan::engines::logs {

// 0.5.4: the engine's configuration, weights per worker, blocks. One process a GPU, the first without a name.
inline constexpr char v0_5_4_pipeline[] = R"(INFO 08-01 12:00:00 api_server.py:339] vLLM API server version 0.5.4
INFO 08-01 12:00:00 api_server.py:340] args: Namespace(host=None, port=8000, model='meta-llama/Meta-Llama-3-8B', max_model_len=None, block_size=16, gpu_memory_utilization=0.9, max_num_seqs=256, tensor_parallel_size=1, pipeline_parallel_size=2)
INFO 08-01 12:00:05 llm_engine.py:174] Initializing an LLM engine (v0.5.4) with config: model='meta-llama/Meta-Llama-3-8B', speculative_config=None, tokenizer='meta-llama/Meta-Llama-3-8B', dtype=torch.bfloat16, max_seq_len=8192, load_format=LoadFormat.AUTO, tensor_parallel_size=1, pipeline_parallel_size=2, disable_custom_all_reduce=False, quantization=None, enforce_eager=False, kv_cache_dtype=auto, device_config=cuda, seed=0, served_model_name=x)
INFO 08-01 12:00:20 model_runner.py:720] Starting to load model meta-llama/Meta-Llama-3-8B...
(VllmWorkerProcess pid=811) INFO 08-01 12:00:20 model_runner.py:720] Starting to load model meta-llama/Meta-Llama-3-8B...
(VllmWorkerProcess pid=811) INFO 08-01 12:00:31 model_runner.py:732] Loading model weights took 7.5000 GB
INFO 08-01 12:00:32 model_runner.py:732] Loading model weights took 7.4800 GB
INFO 08-01 12:00:34 distributed_gpu_executor.py:56] # GPU blocks: 7312, # CPU blocks: 4096
INFO 08-01 12:00:36 model_runner.py:1024] Capturing the model for CUDA graphs. This may lead to unexpected consequences if the model is not static.
INFO 08-01 12:00:50 model_runner.py:1225] Graph capturing finished in 14 secs.
INFO:     Application startup complete.
)";

// 0.6.3: the profiling's results with equals signs.
inline constexpr char v0_6_3[] =
    R"(INFO 10-20 08:00:00 llm_engine.py:237] Initializing an LLM engine (v0.6.3.post1) with config: model='Qwen/Qwen2.5-7B-Instruct', max_seq_len=32768, tensor_parallel_size=1, pipeline_parallel_size=1, quantization=None, kv_cache_dtype=auto, seed=0)
INFO 10-20 08:00:10 model_runner.py:1071] Loading model weights took 14.2487 GB
INFO 10-20 08:00:12 worker.py:232] Memory profiling results: total_gpu_memory=23.64GiB initial_memory_usage=14.60GiB peak_torch_memory=18.64GiB memory_usage_post_profile=14.76GiB non_torch_memory=0.49GiB kv_cache_size=2.14GiB gpu_memory_utilization=0.90
INFO 10-20 08:00:12 gpu_executor.py:122] # GPU blocks: 2504, # CPU blocks: 4681
INFO 10-20 08:00:12 gpu_executor.py:126] Maximum concurrency for 32768 tokens per request: 1.22x
INFO 10-20 08:00:40 model_runner.py:1523] Graph capturing finished in 18 secs.
INFO:     Uvicorn running on http://0.0.0.0:8000 (Press CTRL+C to quit)
)";

// 0.7: the whole account in one sentence; ends because a request of the model's length has no room.
inline constexpr char v0_7_context[] = R"(INFO 02-11 07:40:20 __init__.py:190] Automatically detected platform cuda.
INFO 02-11 07:40:21 api_server.py:840] vLLM API server version 0.7.2
INFO 02-11 07:40:30 llm_engine.py:234] Initializing a V0 LLM engine (v0.7.2) with config: model='deepseek-ai/DeepSeek-R1-Distill-Qwen-14B', max_seq_len=131072, tensor_parallel_size=2, pipeline_parallel_size=1, quantization=None, kv_cache_dtype=auto,
(VllmWorkerProcess pid=1786) INFO 02-11 07:40:45 model_runner.py:1115] Loading model weights took 13.9476 GB
INFO 02-11 07:40:45 model_runner.py:1115] Loading model weights took 13.9476 GB
(VllmWorkerProcess pid=1786) INFO 02-11 07:40:48 worker.py:266] Memory profiling takes 2.91 seconds
(VllmWorkerProcess pid=1786) INFO 02-11 07:40:48 worker.py:266] the current vLLM instance can use total_gpu_memory (23.55GiB) x gpu_memory_utilization (0.98) = 23.08GiB
(VllmWorkerProcess pid=1786) INFO 02-11 07:40:48 worker.py:266] model weights take 13.95GiB; non_torch_memory takes 0.24GiB; PyTorch activation peak memory takes 0.19GiB; the rest of the memory reserved for KV Cache is 8.70GiB.
INFO 02-11 07:40:48 worker.py:266] the current vLLM instance can use total_gpu_memory (23.55GiB) x gpu_memory_utilization (0.98) = 23.08GiB
INFO 02-11 07:40:48 worker.py:266] model weights take 13.95GiB; non_torch_memory takes 0.25GiB; PyTorch activation peak memory takes 0.19GiB; the rest of the memory reserved for KV Cache is 8.69GiB.
INFO 02-11 07:40:48 executor_base.py:108] # CUDA blocks: 5096, # CPU blocks: 2730
INFO 02-11 07:40:48 executor_base.py:113] Maximum concurrency for 131072 tokens per request: 0.62x
ERROR 02-11 07:40:49 engine.py:389] The model's max seq len (131072) is larger than the maximum number of tokens that can be stored in KV cache (81536). Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine.
ERROR 02-11 07:40:49 engine.py:389] Traceback (most recent call last):
ValueError: The model's max seq len (131072) is larger than the maximum number of tokens that can be stored in KV cache (81536). Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine.
ERROR 02-11 07:40:49 multiproc_worker_utils.py:124] Worker VllmWorkerProcess pid 1786 died, exit code: -15
)";

// 0.7 on Ray, two nodes, pp only: the last stage runs out of memory in the profiling run (as in vllm issue 14120).
inline constexpr char v0_7_ray_last_stage[] =
    R"(INFO 03-02 00:36:00 llm_engine.py:234] Initializing a V0 LLM engine (v0.7.3) with config: model='/models/big', max_seq_len=32768, tensor_parallel_size=1, pipeline_parallel_size=4, quantization=fp8, kv_cache_dtype=auto,
INFO 03-02 00:36:29 model_runner.py:1115] Loading model weights took 8.4729 GB
(RayWorkerWrapper pid=511, ip=10.0.0.2) INFO 03-02 00:36:30 model_runner.py:1115] Loading model weights took 9.1000 GB [repeated 2x across cluster] (Ray deduplicates logs by default. Set RAY_DEDUP_LOGS=0 to disable log deduplication)
[rank3]: Traceback (most recent call last):
[rank3]:   File "/usr/local/lib/python3.12/dist-packages/vllm/worker/worker.py", line 229, in determine_num_available_blocks
[rank3]:     self.model_runner.profile_run()
[rank3]: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.96 GiB. GPU 3 has a total capacity of 21.95 GiB of which 1.03 GiB is free. Process 7 has 20.92 GiB memory in use.
)";

// 0.7: nothing is left for the cache; the sentence goes over two lines.
inline constexpr char v0_7_no_kv[] = R"(INFO 07-10 22:07:00 api_server.py:912] vLLM API server version 0.7.3
INFO 07-10 22:07:58 [model_runner.py:1115] Model loading took 6.5935 GiB and 7.243515 seconds
INFO 07-10 22:12:16 [worker.py:295] the current vLLM instance can use total_gpu_memory (14.74GiB) x gpu_memory_utilization (0.81) = 11.98GiB
INFO 07-10 22:12:16 [worker.py:295] model weights take 6.59GiB; non_torch_memory takes 8.29GiB;
                                    PyTorch activation peak memory takes 4.93GiB; the rest of the memory reserved for KV Cache is -7.83GiB.
INFO 07-10 22:12:16 [executor_base.py:118] Maximum concurrency for 4096 tokens per request: 0.00x
ERROR 07-10 22:12:16 [engine.py:389] ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.
)";

// 0.8: V1 with named ranks; the sampler's warm-up on the last stage.
inline constexpr char v0_8_sampler[] = R"(INFO 03-19 07:26:00 [api_server.py:981] vLLM API server version 0.8.1
INFO 03-19 07:26:10 [core.py:53] Initializing a V1 LLM engine (v0.8.1) with config: model='Qwen/Qwen2.5-32B-Instruct-AWQ', max_seq_len=15000, tensor_parallel_size=1, pipeline_parallel_size=2, quantization=awq_marlin, enforce_eager=False, kv_cache_dtype=auto,
(VllmWorker rank=0 pid=2961) INFO 03-19 07:26:30 [parallel_state.py:967] rank 0 in world size 2 is assigned as DP rank 0, PP rank 0, TP rank 0
(VllmWorker rank=1 pid=2978) INFO 03-19 07:26:30 [parallel_state.py:967] rank 1 in world size 2 is assigned as DP rank 0, PP rank 1, TP rank 0
(VllmWorker rank=0 pid=2961) INFO 03-19 07:26:50 [gpu_model_runner.py:1164] Model loading took 9.0507 GB and 10.206943 seconds
(VllmWorker rank=1 pid=2978) INFO 03-19 07:26:50 [gpu_model_runner.py:1164] Model loading took 9.2018 GB and 10.206943 seconds
INFO 03-19 07:27:30 [kv_cache_utils.py:537] GPU KV cache size: 60,912 tokens
INFO 03-19 07:27:30 [kv_cache_utils.py:540] Maximum concurrency for 15,000 tokens per request: 4.06x
INFO 03-19 07:27:30 [kv_cache_utils.py:537] GPU KV cache size: 58,256 tokens
INFO 03-19 07:27:30 [kv_cache_utils.py:540] Maximum concurrency for 15,000 tokens per request: 3.88x
(VllmWorker rank=1 pid=2978) ERROR 03-19 07:27:53 [multiproc_executor.py:375] Traceback (most recent call last):
(VllmWorker rank=1 pid=2978) ERROR 03-19 07:27:53 [multiproc_executor.py:375]   File "/x/vllm/v1/worker/gpu_model_runner.py", line 1292, in _dummy_sampler_run
(VllmWorker rank=1 pid=2978) ERROR 03-19 07:27:53 [multiproc_executor.py:375] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.74 GiB. GPU 1 has a total capacity of 23.57 GiB of which 605.88 MiB is free. Process 133288 has 22.97 GiB memory in use. Of the allocated memory 20.21 GiB is allocated by PyTorch, with 128.00 MiB allocated in private pools (e.g., CUDA Graphs)
(VllmWorker rank=1 pid=2978) ERROR 03-19 07:27:53 [multiproc_executor.py:375] The above exception was the direct cause of the following exception:
(VllmWorker rank=1 pid=2978) ERROR 03-19 07:27:53 [multiproc_executor.py:375] RuntimeError: CUDA out of memory occurred when warming up sampler with 1024 dummy requests. Please try lowering `max_num_seqs` or `gpu_memory_utilization` when initializing the engine.
ERROR 03-19 07:27:53 [core.py:340] EngineCore hit an exception: Traceback (most recent call last):
CRITICAL 03-19 07:27:53 [core_client.py:269] Got fatal signal from worker processes, shutting down. See stack trace above for root cause issue.
)";

// 0.9: wants more than is free.
inline constexpr char v0_9_budget[] = R"(INFO 06-30 10:00:00 [api_server.py:1287] vLLM API server version 0.9.1
INFO 06-30 10:00:00 [cli_args.py:309] non-default args: {'model': 'deepseek-ai/DeepSeek-R1-Distill-Llama-8B', 'max_model_len': 1024, 'tensor_parallel_size': 2, 'gpu_memory_utilization': 0.95, 'max_num_seqs': 1}
(VllmWorker rank=0 pid=11) ERROR 06-30 10:00:20 [multiproc_executor.py:487] ValueError: Free memory on device (17.20/23.57 GiB) on startup is less than desired GPU memory utilization (0.95, 22.39 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.
ERROR 06-30 10:00:21 [core.py:515] EngineCore failed to start.
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
)";

// 0.11: four stages, DEBUG off, every worker told its cache; the engine names what would fit (as in vllm issue 32105).
inline constexpr char v0_11_context[] =
    R"((APIServer pid=1) INFO 01-28 00:15:00 [api_server.py:1839] vLLM API server version 0.11.0
(APIServer pid=1) INFO 01-28 00:15:00 [utils.py:233] non-default args: {'model_tag': 'zai-org/GLM-4.6', 'model': 'zai-org/GLM-4.6', 'pipeline_parallel_size': 4, 'gpu_memory_utilization': 0.9}
(Worker_PP0 pid=577) INFO 01-28 00:17:00 [gpu_model_runner.py:2653] Model loading took 43.1000 GiB and 60.1 seconds
(Worker_PP1 pid=578) INFO 01-28 00:17:00 [gpu_model_runner.py:2653] Model loading took 44.0000 GiB and 61.2 seconds
(Worker_PP2 pid=579) INFO 01-28 00:17:00 [gpu_model_runner.py:2653] Model loading took 44.0000 GiB and 61.3 seconds
(Worker_PP3 pid=580) INFO 01-28 00:17:00 [gpu_model_runner.py:2653] Model loading took 45.2000 GiB and 61.9 seconds
(Worker_PP0 pid=577) INFO 01-28 00:18:17 [gpu_worker.py:298] Available KV cache memory: 34.90 GiB
(Worker_PP1 pid=578) INFO 01-28 00:18:17 [gpu_worker.py:298] Available KV cache memory: 33.10 GiB
(Worker_PP2 pid=579) INFO 01-28 00:18:17 [gpu_worker.py:298] Available KV cache memory: 33.12 GiB
(Worker_PP3 pid=580) INFO 01-28 00:18:17 [gpu_worker.py:298] Available KV cache memory: 28.57 GiB
(EngineCore_DP0 pid=379) ERROR 01-28 00:18:18 [core.py:935]     raise ValueError(
(EngineCore_DP0 pid=379) ERROR 01-28 00:18:18 [core.py:935] ValueError: To serve at least one request with the models's max seq len (202752), (71.16 GiB KV cache is needed, which is larger than the available KV cache memory (28.57 GiB). Based on the available memory, the estimated maximum model length is 81392. Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine.
(Worker_PP1 pid=578) WARNING 01-28 00:18:18 [multiproc_executor.py:786] WorkerProc was terminated
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
)";

// 0.11: came to serve; every part of a worker's memory in one sentence.
inline constexpr char v0_11_started[] =
    R"((APIServer pid=1) INFO 11-02 10:00:00 [api_server.py:1839] vLLM API server version 0.11.2
(APIServer pid=1) INFO 11-02 10:00:00 [utils.py:233] non-default args: {'model': 'Qwen/Qwen3-30B-A3B', 'pipeline_parallel_size': 2, 'tensor_parallel_size': 2, 'max_model_len': 32768, 'kv_cache_dtype': 'fp8', 'enforce_eager': True}
(Worker_PP0_TP0 pid=20) INFO 11-02 10:00:20 [parallel_state.py:1208] rank 0 in world size 4 is assigned as DP rank 0, PP rank 0, TP rank 0, EP rank 0
(Worker_PP0_TP0 pid=20) INFO 11-02 10:01:00 [gpu_worker.py:442] Free memory on device (23.20/23.57 GiB) on startup. Desired GPU memory utilization is (0.9, 21.21 GiB). Actual usage is 14.20 GiB for weight, 0.90 GiB for peak activation, 0.30 GiB for non-torch memory, and 0.25 GiB for CUDAGraph memory. Replace gpu_memory_utilization config with `--kv-cache-memory=5690000000` (5.30 GiB) to fit into requested memory, or `--kv-cache-memory=7700000000` (7.17 GiB) to fully utilize gpu memory. Current kv cache memory in use is 5.81 GiB.
(Worker_PP0_TP1 pid=21) INFO 11-02 10:01:00 [gpu_worker.py:442] Free memory on device (23.20/23.57 GiB) on startup. Desired GPU memory utilization is (0.9, 21.21 GiB). Actual usage is 14.20 GiB for weight, 0.90 GiB for peak activation, 0.31 GiB for non-torch memory, and 0.25 GiB for CUDAGraph memory. Replace gpu_memory_utilization config with `--kv-cache-memory=5690000000` (5.30 GiB) to fit into requested memory, or `--kv-cache-memory=7700000000` (7.17 GiB) to fully utilize gpu memory. Current kv cache memory in use is 5.80 GiB.
(Worker_PP1_TP0 pid=22) INFO 11-02 10:01:00 [gpu_worker.py:442] Free memory on device (23.20/23.57 GiB) on startup. Desired GPU memory utilization is (0.9, 21.21 GiB). Actual usage is 14.90 GiB for weight, 2.10 GiB for peak activation, 0.30 GiB for non-torch memory, and 0.25 GiB for CUDAGraph memory. Replace gpu_memory_utilization config with `--kv-cache-memory=5690000000` (5.30 GiB) to fit into requested memory, or `--kv-cache-memory=7700000000` (7.17 GiB) to fully utilize gpu memory. Current kv cache memory in use is 3.91 GiB.
(EngineCore_DP0 pid=15) INFO 11-02 10:01:00 [kv_cache_utils.py:1229] GPU KV cache size: 170,816 tokens
(EngineCore_DP0 pid=15) INFO 11-02 10:01:00 [kv_cache_utils.py:1234] Maximum concurrency for 32,768 tokens per request: 5.21x
(EngineCore_DP0 pid=15) INFO 11-02 10:01:02 [core.py:250] init engine (profile, create kv cache, warmup model) took 25.06 seconds
(APIServer pid=1) INFO:     Application startup complete.
)";

// 0.15 on Ray inside the engine's process: graph capture of one rank.
inline constexpr char v0_15_graphs[] =
    R"((APIServer pid=9) INFO 03-11 12:20:00 [utils.py:325]   ▄▄ ▄█ █     █     █ ▀▄▀ █  version 0.15.1
(APIServer pid=9) INFO 03-11 12:20:00 [utils.py:325]    █▄█▀ █     █     █     █  model   /models/qwen
(APIServer pid=9) INFO 03-11 12:20:00 [utils.py:261] non-default args: {'model_tag': '/models/qwen', 'pipeline_parallel_size': 2, 'max_model_len': 160000, 'max_num_seqs': 32, 'distributed_executor_backend': 'ray'}
(EngineCore_DP0 pid=46071) (RayWorkerWrapper pid=33834, ip=10.214.117.111) INFO 03-11 12:22:00 [parallel_state.py:1423] rank 1 in world size 2 is assigned as DP rank 0, PP rank 1, PCP rank 0, TP rank 0, EP rank 0
(EngineCore_DP0 pid=46071) (RayWorkerWrapper pid=33834, ip=10.214.117.111) INFO 03-11 12:23:25 [gpu_worker.py:424] Available KV cache memory: 2.09 GiB
(EngineCore_DP0 pid=46071) INFO 03-11 12:23:26 [kv_cache_utils.py:1314] GPU KV cache size: 54,384 tokens
(EngineCore_DP0 pid=46071) INFO 03-11 12:23:26 [kv_cache_utils.py:1319] Maximum concurrency for 160,000 tokens per request: 1.34x
Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):  36%|xx  | 4/11 [00:02<00:00,  3.91it/s]
(EngineCore_DP0 pid=46071) (RayWorkerWrapper pid=33834, ip=10.214.117.111) ERROR 03-11 12:23:31 [worker_base.py:300] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 320.00 MiB. GPU 0 has a total capacity of 22.05 GiB of which 120.00 MiB is free.
)";

// 0.22 and later: only the first rank of the node tells; an estimate of the graphs; the engine fails for lack of cache.
inline constexpr char v0_23_graph_estimate[] =
    R"((APIServer pid=1) INFO 08-19 05:50:00 [api_server.py:700] vLLM API server version 0.23.0
(APIServer pid=1) INFO 08-19 05:50:00 [utils.py:261] non-default args: {'model': 'org/model', 'tensor_parallel_size': 2, 'pipeline_parallel_size': 2}
(EngineCore pid=77) INFO 08-19 05:50:10 [vllm.py:690] Using V2 Model Runner
(Worker_PP0_TP0 pid=101) INFO 08-19 05:56:00 [gpu_model_runner.py:5100] Model loading took 60.0 GiB memory and 80.2 seconds
(Worker_PP0_TP0 pid=101) INFO 08-19 05:56:57 [gpu_model_runner.py:6936] Estimated CUDA graph memory: 18.65 GiB total
(Worker_PP0_TP0 pid=101) INFO 08-19 05:56:57 [gpu_worker.py:563] Available KV cache memory: -4.10 GiB
(EngineCore pid=77) ERROR 08-19 05:56:57 [core.py:1346] ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine (this flag also controls CPU memory reservation on the CPU backend, despite its name).
)";

// 0.26, as Kubernetes keeps it: times in front, one sentence per figure with GiB.
inline constexpr char v0_26_started[] =
    R"(2026-08-20T04:19:00.100000000Z (APIServer pid=1) INFO 08-20 04:19:00 [api_server.py:700] vLLM API server version 0.26.0
2026-08-20T04:19:00.200000000Z (APIServer pid=1) INFO 08-20 04:19:00 [utils.py:261] non-default args: {'model': 'org/hybrid', 'tensor_parallel_size': 2, 'gpu_memory_utilization': 0.975}
2026-08-20T04:19:20.000000000Z (Worker_TP0 pid=400) DEBUG 08-20 04:19:20 [gpu_worker.py:560] Memory profiling takes 19.58 seconds. Total non KV cache memory: 84.35GiB; torch peak memory increase: 1.66GiB; non-torch forward increase memory: 0.69GiB; weights memory: 82.00GiB.
2026-08-20T04:19:58.174993201Z (Worker_TP0 pid=400) INFO 08-20 04:19:58 [model_runner.py:1371] Graph capturing finished in 18 secs, took 0.19 GiB
2026-08-20T04:19:58.175046411Z (Worker_TP0 pid=400) INFO 08-20 04:19:58 [gpu_worker.py:844] CUDA graph pool memory: 0.19 GiB (actual), 0.64 GiB (estimated), difference: 0.45 GiB (244.2%).
2026-08-20T04:19:58.175052621Z (Worker_TP0 pid=400) INFO 08-20 04:19:58 [gpu_worker.py:907] Free memory on device (93.83/95.01 GiB) on startup. Desired GPU memory utilization is (0.975, 92.63 GiB). Actual usage is 82.69 GiB for consumed memory (weights + non-torch), 1.66 GiB for peak activation, and 0.19 GiB for CUDAGraph memory. Replace gpu_memory_utilization config with `--kv-cache-memory-bytes=8538253005` (7.95 GiB) to fit into requested memory. Current kv cache memory in use is 8.28 GiB.
2026-08-20T04:20:00.000000000Z (EngineCore pid=374) INFO 08-20 04:20:00 [core.py:1500] GPU KV cache size: 454,384 tokens, Maximum concurrency for 131,072 tokens per request: 3.47x
2026-08-20T04:20:00.100000000Z (EngineCore pid=374) DEBUG 08-20 04:20:00 [core.py:201] Batch queue is enabled with size 2
2026-08-20T04:20:12.109057101Z (EngineCore pid=374) INFO 08-20 04:20:12 [core.py:349] init engine (profile, create kv cache, warmup model) took 212.68 s (compilation: 13.01 s)
)";

// 0.8.4 and later: an uneven split; a worker runs out of memory while it loads.
inline constexpr char v0_9_weights[] = R"(INFO 07-01 10:00:00 [api_server.py:1287] vLLM API server version 0.9.2
INFO 07-01 10:00:00 [cli_args.py:309] non-default args: {'model': 'org/dense-33', 'pipeline_parallel_size': 4}
(VllmWorker rank=1 pid=31) INFO 07-01 10:00:10 [utils.py:164] Hidden layers were unevenly partitioned: [8,8,9,8]. This can be manually overridden using the VLLM_PP_LAYER_PARTITION environment variable
(VllmWorker rank=2 pid=32) ERROR 07-01 10:00:30 [multiproc_executor.py:487] Traceback (most recent call last):
(VllmWorker rank=2 pid=32) ERROR 07-01 10:00:30 [multiproc_executor.py:487]   File "/x/vllm/v1/worker/gpu_worker.py", line 180, in load_model
(VllmWorker rank=2 pid=32) ERROR 07-01 10:00:30 [multiproc_executor.py:487] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 448.00 MiB. GPU 2 has a total capacity of 11.63 GiB of which 97.12 MiB is free. Including non-PyTorch memory, this process has 11.53 GiB memory in use.
(VllmWorker rank=3 pid=33) ERROR 07-01 10:00:31 [multiproc_executor.py:487] torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:3690, unhandled system error
)";

// One line each: what ends a server before it holds anything.
inline constexpr char too_few_gpus[] =
    R"((APIServer pid=1) INFO 05-05 10:00:00 [api_server.py:1839] vLLM API server version 0.12.0
(APIServer pid=1) ValueError: World size (8) is larger than the number of available GPUs (4) in this node. If this is intentional and you are using: set --nnodes
)";
inline constexpr char heads[] = R"(INFO 05-05 10:00:00 [api_server.py:1287] vLLM API server version 0.9.0
ValueError: Total number of attention heads (64) must be divisible by tensor parallel size (6).
)";
inline constexpr char bad_partition[] = R"(INFO 05-05 10:00:00 [api_server.py:1287] vLLM API server version 0.10.0
INFO 05-05 10:00:00 [cli_args.py:309] non-default args: {'model': 'm', 'pipeline_parallel_size': 2}
(VllmWorker rank=0 pid=3) ERROR 05-05 10:00:09 [multiproc_executor.py:559] ValueError: sum(partitions)=48 does not match num_hidden_layers=47.
)";
inline constexpr char no_experts[] =
    R"((Worker_PP0 pid=3) ERROR 05-05 10:00:09 [multiproc_executor.py:671] RuntimeError: No Glm4MoE layer found in model.layers.
)";
inline constexpr char no_pipeline[] =
    R"(NotImplementedError: Pipeline parallelism is not supported for this model. Supported models implement the `SupportsPP` interface.
)";
inline constexpr char host_killed[] = R"(INFO 04-01 10:00:00 api_server.py:712] vLLM API server version 0.6.4
ERROR 04-01 10:01:00 multiproc_worker_utils.py:120] Worker VllmWorkerProcess pid 812 died, exit code: -9
RuntimeError: Engine process failed to start. See stack trace for the root cause.
)";
inline constexpr char nccl[] = R"(INFO 04-01 10:00:00 [api_server.py:1287] vLLM API server version 0.9.1
(VllmWorker rank=1 pid=5) ERROR 04-01 10:00:30 [multiproc_executor.py:487] RuntimeError: NCCL error: unhandled system error (run with NCCL_DEBUG=INFO for details)
)";
inline constexpr char serving[] =
    R"((APIServer pid=1) INFO 12-01 10:00:00 [api_server.py:1839] vLLM API server version 0.12.0
(EngineCore_DP0 pid=4) INFO 12-01 10:00:30 [gpu_model_runner.py:3000] Model loading took 15.00 GiB and 5.0 seconds
(APIServer pid=1) INFO:     Application startup complete.
(APIServer pid=1) INFO 12-01 10:10:00 [loggers.py:127] Engine 000: Avg prompt throughput: 1818.8 tokens/s, Running: 65 reqs
(EngineCore_DP0 pid=4) ERROR 12-01 10:10:03 [core.py:800] torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 21.95 GiB total capacity; 20.90 GiB already allocated; 11.12 MiB free; 21.1 GiB reserved in total by PyTorch)
)";
inline constexpr char ray_host_memory[] =
    R"((raylet) node_manager.cc:3007: 2 Workers (tasks / actors) killed due to memory pressure (OOM), 0 Workers crashed due to other reasons at node
(EngineCore_DP0 pid=4) ERROR A worker died or was killed while executing a task by an unexpected system error.
)";

}  // namespace ppplan::engines::logs
