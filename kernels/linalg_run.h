// The instructions of linear algebra and of the Fourier transform.
#pragma once
#include "program.h"

namespace nabla {
namespace NABLA_ISA {

bool linalg_validate(Check&);
void linalg_run(const Exec&);

}  // namespace NABLA_ISA
}  // namespace nabla
