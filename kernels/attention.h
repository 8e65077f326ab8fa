// Attention: softmax(Q K^T scale + mask) V, and its gradients.
#pragma once
#include "program.h"

namespace nabla {
namespace NABLA_ISA {

bool attention_validate(Check&);
void attention_run(const Exec&);
bool attention_back_validate(Check&);
void attention_back_run(const Exec&);

}  // namespace NABLA_ISA
}  // namespace nabla
