// Asks the collector what it is, and what it keeps of one node: for the commands.
#ifndef TRIBUTARY_AGENT_GRPC_DESCRIBE_H_
#define TRIBUTARY_AGENT_GRPC_DESCRIBE_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/grpc_transport.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary::agent {

// Each blocks for at most `timeout`; tries again within it while the collector cannot be reached.
//   - Unavailable: not reached in time; the message names the address and the reason;
//   - Unimplemented: what answers is no collector, or one that does not know the call;
//   - other codes as the collector gave them.

// NotFound: the collector knows no such node. One page: ask again with `after` = the answer's
// `next` for the rest.
absl::StatusOr<ingest::v1::DescribeNodeResponse> DescribeNode(
    const GrpcTransportOptions& options, const ingest::v1::DescribeNodeRequest& request,
    absl::Duration timeout);

absl::StatusOr<ingest::v1::DescribeCollectorResponse> DescribeCollector(
    const GrpcTransportOptions& options, const ingest::v1::DescribeCollectorRequest& request,
    absl::Duration timeout);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_GRPC_DESCRIBE_H_
