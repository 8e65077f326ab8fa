// Recurrent layers over whole sequences.
#pragma once
#include "program.h"

namespace nabla {
namespace NABLA_ISA {

bool recurrent_validate(Check&);
void recurrent_run(const Exec&);
bool recurrent_back_validate(Check&);
void recurrent_back_run(const Exec&);

}  // namespace NABLA_ISA
}  // namespace nabla
