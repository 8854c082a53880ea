// The order of a training plan that a search finds (planner/schedule/auto_order.h) for the plan's own costs and memory.
#pragma once

#include "planner/cost/cost_book.h"
#include "planner/spec/training_plan.h"

namespace ppplan::search {

/// `plan` is a draft whose partition has settings.chunks positions a rank. Assesses it with the best order found on
/// any layout of at most so many stages a rank: settings.chunks and partition become those of that order (neighbouring
/// positions go together), settings.order says what made it. Costs and room are those of stages that loop over the
/// ranks, the room the least of all layouts, so that an order fits wherever it ends up; two mirrored pipes, which hold
/// the weights twice, are left out where they do not fit. Throws InputError where a rank has no room for one
/// micro-batch.
void order_automatically(spec::TrainingPlan& plan, cost::CostBook& book);

}  // namespace ppplan::search
