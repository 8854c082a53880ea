// Output of nvidia-smi in the shapes that people paste, written for the tests.
#pragma once

#include <string>

namespace ppplan::spec::samples {

/// Drivers 418 to 440: two lines a card, no MIG; four-digit domain on the oldest.
inline const std::string table_418 = R"(Tue Mar  3 10:11:12 2020
+-----------------------------------------------------------------------------+
| NVIDIA-SMI 418.87.01    Driver Version: 418.87.01    CUDA Version: 10.1     |
|-------------------------------+----------------------+----------------------+
| GPU  Name        Persistence-M| Bus-Id        Disp.A | Volatile Uncorr. ECC |
| Fan  Temp  Perf  Pwr:Usage/Cap|         Memory-Usage | GPU-Util  Compute M. |
|===============================+======================+======================|
|   0  Tesla V100-SXM2...  On   | 00000000:06:00.0 Off |                    0 |
| N/A   35C    P0    44W / 300W |     11MiB / 32768MiB |      0%      Default |
+-------------------------------+----------------------+----------------------+
|   1  GeForce RTX 208...  Off  | 0000:0A:00.0     Off |                  N/A |
| 28%   35C    P8     1W / 250W |   1200MiB / 11264MiB |      0%      Default |
+-------------------------------+----------------------+----------------------+

+-----------------------------------------------------------------------------+
| Processes:                                                       GPU Memory |
|  GPU       PID   Type   Process name                             Usage      |
|=============================================================================|
|    0      1234      C   python                                      1189MiB |
+-----------------------------------------------------------------------------+
)";

/// Drivers 450 to 530: three lines a card.
inline const std::string table_470 = R"(
+-----------------------------------------------------------------------------+
| NVIDIA-SMI 470.57.02    Driver Version: 470.57.02    CUDA Version: 11.4     |
|-------------------------------+----------------------+----------------------+
| GPU  Name        Persistence-M| Bus-Id        Disp.A | Volatile Uncorr. ECC |
| Fan  Temp  Perf  Pwr:Usage/Cap|         Memory-Usage | GPU-Util  Compute M. |
|                               |                      |               MIG M. |
|===============================+======================+======================|
|   0  NVIDIA GeForce ...  Off  | 00000000:01:00.0  On |                  N/A |
| 30%   41C    P8    25W / 350W |    602MiB / 24576MiB |      3%      Default |
|                               |                      |                  N/A |
+-------------------------------+----------------------+----------------------+
|   1  NVIDIA A40          On   | 00000000:21:00.0 Off |                    0 |
|  0%   28C    P8    31W / 300W |      0MiB / 46068MiB |      0%      Default |
|                               |                      |                  N/A |
+-------------------------------+----------------------+----------------------+
)";

/// Drivers 545 and newer: wider columns, longer names, lower-case hexadecimal as a terminal may change it.
inline const std::string table_580 =
    R"(+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 580.105.08             Driver Version: 580.105.08     CUDA Version: 13.0     |
+-----------------------------------------+------------------------+----------------------+
| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |
| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |
|                                         |                        |               MIG M. |
|=========================================+========================+======================|
|   0  NVIDIA GeForce RTX 3090        Off |   00000000:0B:00.0 Off |                  N/A |
|  0%   34C    P8             12W /  350W |      15MiB /  24576MiB |      0%      Default |
|                                         |                        |                  N/A |
+-----------------------------------------+------------------------+----------------------+
|   1  NVIDIA GeForce RTX 3060        Off |   00000000:05:00.0  On |                  N/A |
|  0%   44C    P8             14W /  170W |     512MiB /  12288MiB |      7%      Default |
|                                         |                        |                  N/A |
+-----------------------------------------+------------------------+----------------------+
|   2  NVIDIA RTX PRO 6000 Blac...    On  |   00000000:81:00.0 Off |                    0 |
| 30%   25C    P8              5W /  600W |       2MiB /  97887MiB |      0%      Default |
|                                         |                        |             Disabled |
+-----------------------------------------+------------------------+----------------------+

+-----------------------------------------------------------------------------------------+
| Processes:                                                                              |
|  GPU   GI   CI              PID   Type   Process name                        GPU Memory |
|        ID   ID                                                               Usage      |
|=========================================================================================|
|    1   N/A  N/A            2211      G   /usr/lib/xorg/Xorg                      400MiB |
+-----------------------------------------------------------------------------------------+
)";

/// A card cut into MIG instances, whose list looks like rows.
inline const std::string table_mig = R"(+-----------------------------------------------------------------------------+
| NVIDIA-SMI 525.85.12    Driver Version: 525.85.12    CUDA Version: 12.0     |
|   0  NVIDIA A100-SXM...  On   | 00000000:07:00.0 Off |                   On |
| N/A   30C    P0    52W / 400W |     45MiB / 81920MiB |     N/A      Default |
|                               |                      |              Enabled |
+-------------------------------+----------------------+----------------------+
+-----------------------------------------------------------------------------+
| MIG devices:                                                                |
+------------------+----------------------+-----------+-----------------------+
| GPU  GI  CI  MIG |         Memory-Usage |        Vol|         Shared        |
|      ID  ID  Dev |           BAR1-Usage | SM     Unc| CE  ENC  DEC  OFA  JPG|
|==================+======================+===========+=======================|
|  0    1   0   0  |     19MiB / 40192MiB | 42      0 |  3   0    2    0    0 |
|                  |      0MiB / 65535MiB |           |                       |
+------------------+----------------------+-----------+-----------------------+
)";

/// Windows, and a unified-memory machine that has no figure of its own.
inline const std::string table_wddm =
    R"(| NVIDIA-SMI 566.36                 Driver Version: 566.36         CUDA Version: 12.7     |
|   0  NVIDIA GeForce RTX 4090      WDDM  |   00000000:01:00.0  On |                  Off |
|  0%   40C    P8             20W /  450W |    1843MiB /  24564MiB |      4%      Default |
)";
inline const std::string table_gb10 =
    R"(| NVIDIA-SMI 580.95.05              Driver Version: 580.95.05      CUDA Version: 13.0     |
|   0  NVIDIA GB10                    On  |   0000000F:01:00.0 Off |                  N/A |
| N/A   45C    P8              4W /  N/A  | Not Supported          |      0%      Default |
|                                         |                        |                  N/A |
)";
/// A card that fell off the bus.
inline const std::string table_lost = R"(| NVIDIA-SMI 535.129.03   Driver Version: 535.129.03   CUDA Version: 12.2 |
|   0  NVIDIA A10                     On  | 00000000:00:1E.0 Off |                    0 |
|ERR!  ERR! ERR!           ERR! / ERR!  |         ERR! / ERR!  |    ERR!      Default |
)";

inline const std::string csv =
    "index, name, memory.total [MiB], memory.free [MiB], pci.bus_id, pcie.link.gen.current, pcie.link.width.current\n"
    "0, NVIDIA GeForce RTX 4090, 24564 MiB, 23028 MiB, 00000000:01:00.0, 1, 16\n"
    "1, NVIDIA GeForce RTX 3090, 24576 MiB, 24250 MiB, 00000000:02:00.0, 3, 4\n";

/// nvidia-smi topo -m of four cards below two switches of one CPU each; terminals underline the header.
inline const std::string topo_pcie =
    "\t\x1b[4mGPU0\tGPU1\tGPU2\tGPU3\tNIC0\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID\x1b[0m\n"
    "GPU0\t X \tPIX\tSYS\tSYS\tPXB\t0-23,48-71\t0\t\tN/A\n"
    "GPU1\tPIX\t X \tSYS\tSYS\tPXB\t0-23,48-71\t0\t\tN/A\n"
    "GPU2\tSYS\tSYS\t X \tPIX\tSYS\t24-47,72-95\t1\t\tN/A\n"
    "GPU3\tSYS\tSYS\tPIX\t X \tSYS\t24-47,72-95\t1\t\tN/A\n"
    "NIC0\tPXB\tPXB\tSYS\tSYS\t X \n\n"
    "Legend:\n\n  X    = Self\n  SYS  = Connection traversing PCIe as well as the SMP interconnect\n"
    "  NV#  = Connection traversing a bonded set of # NVLinks\n\nNIC Legend:\n\n  NIC0: mlx5_0\n";

/// Two bridged pairs on one CPU.
inline const std::string topo_bridges =
    "        GPU0    GPU1    GPU2    GPU3    CPU Affinity    NUMA Affinity\n"
    "GPU0     X      NV4     NODE    NODE    0-31    0\n"
    "GPU1    NV4      X      NODE    NODE    0-31    0\n"
    "GPU2    NODE    NODE     X      NV4     0-31    0\n"
    "GPU3    NODE    NODE    NV4      X      0-31    0\n";

}  // namespace ppplan::spec::samples
