// The list of step kinds. One line here registers a kind; lib/backends/native/ makes the descriptions.
#include <cstring>

#include "ops/step.h"

namespace octensor {

void MakeTableStep(StepFields* fields, std::unique_ptr<Step>* step);

namespace {

const StepKind kStepKinds[] = {
    {"table", MakeTableStep},
};

}  // namespace

const StepKind* FindStepKind(const char* name) {
  for (const StepKind& kind : kStepKinds) {
    if (std::strcmp(kind.name, name) == 0) return &kind;
  }
  return nullptr;
}

}  // namespace octensor
