// The part of a schedule that one rank runs when every device has a rank of its own.
//
// A transfer then has parts. The receiver grants it as soon as its Recv's `after` list has ended and its receive buffer
// is free, ahead of the transfers before it, and receives it into that buffer. The sender awaits the grant and sends
// when its Send heads its lane. So nothing is sent that a buffer doesn't wait for (rendezvous), and no buffer but the
// schedule's own is relied on. What follows a Send goes on when its memory may be used again, which a transport may
// tell before the message has arrived.
#pragma once

#include "exec/activity_graph.h"

namespace ppplan::exec {

/// Activities of the schedule's device `device`: parts as above, `op` the Send and `recv` the Recv of a transfer. Needs
/// a schedule that check_runs (run_schedule.h) accepts. Throws InputError where an op waits for another device's op in
/// any other way than by a transfer, and for groups of transfers: messages of one edge go one after another.
ActivityGraph rank_graph(const schedule::Schedule& schedule, int device);

}  // namespace ppplan::exec
