// How long compute lasts while devices share a processor: the formula of schedule.h.
#pragma once

namespace ppplan::schedule {

/// Of what it lasts while `busy_devices` compute at once, what it lasts while `others` besides its own do.
inline double lasting_fraction(double alone_fraction, int others, int busy_devices) {
  const double most = busy_devices - 1;
  const double idle = others < most ? 1 - others / most : 0;
  return 1 - (1 - alone_fraction) * idle;
}

}  // namespace ppplan::schedule
