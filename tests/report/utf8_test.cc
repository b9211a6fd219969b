#include "report/utf8.h"

#include <gtest/gtest.h>
