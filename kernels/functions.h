// The elementary functions of the lanes at hand.
#pragma once
#include "simd.h"
#if NABLA_LANES == 32
#include "math_double.h"
#else
#include "math64.h"
#endif
