// What people call a user.
#ifndef TRIBUTARY_COMMON_USER_NAME_H_
#define TRIBUTARY_COMMON_USER_NAME_H_

#include <cstdint>
#include <string>

namespace tributary {

// "ann"; the number of one without a name. May be a network round trip.
std::string UserName(uint32_t uid);

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_USER_NAME_H_
