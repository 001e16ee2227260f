// Package clbsim simulates the APIs of Tencent Cloud's load balancers (clb and gwlb)
// over HTTP, as far as DescribeTaskStatus goes, for tests, demonstrations and benchmarks.
// For keys that rotate it also has what issues and names them: three actions of
// STS, and the metadata service of a machine.
//
// A [Simulator] is an [http.Handler]. It verifies TC3-HMAC-SHA256 signatures,
// counts calls against the quota of the account, answers for the tasks that
// were added and misbehaves on request:
//
//	sim := clbsim.New(clbsim.Config{Credentials: []clbsim.Credential{{SecretID: "id", SecretKey: "key"}}})
//	server := httptest.NewServer(sim)
//	sim.AddTask(clbsim.Task{ID: "55c85074-…", Duration: 4 * time.Second})
//	sim.AddFault(clbsim.Fault{Kind: clbsim.HTTPResponse, StatusCode: 502, Share: 0.5})
//
// A task that was not added is known if its ID says how it ends, as sim-succeeds-8s and
// sim-fails-5s do, and sim-never, which never ends. Its clock starts with the first poll.
// The request ID of every reply begins with "simulated-".
//
// The program in cmd/clbsim serves a Simulator to other processes.
//
// # The way of a request
//
// Each step may end the request. The order is that of the real gateway, as far
// as it is known.
//
//  1. Half of [Config.RoundTrip] passes: the request is on its way.
//  2. Faults in front of the gateway strike ([Hang], [Reset], [HTTPResponse]).
//     Such a request is neither verified nor counted.
//  3. The signature is verified: secret ID, timestamp, signature, token, expiry.
//     AssumeRoleWithWebIdentity needs none.
//  4. Service, version and action are looked up.
//  5. The call is counted against the quota.
//  6. Faults behind the gateway strike ([ErrorCode]).
//  7. Region and parameters are checked, and the action is carried out.
//  8. The other half of the round trip passes, and the reply is written.
//
// A refusal is HTTP 200 with Response.Error.{Code,Message}. The codes are those
// of the page "Error Codes" (API page 214/33849). The messages are those seen
// in public reports, or else invented.
//
// # The quota
//
// [Config.RequestsPerSecond] calls pass in any second, for each account, action
// and Host header. A call that is refused does not count, so it does not
// prolong the wait. How the real gateway divides time into seconds is not
// documented; a client that stays within this quota stays within any.
//
// # What this package does not do
//
//   - It simulates no call that changes anything. Tasks are added by the owner
//     of the simulator.
//   - It supports neither the older signature methods nor GET nor multipart
//     bodies nor HTTP/2.
//   - It answers in English only.
//   - It knows no permissions: any key may assume any role, if it sends the
//     external ID. A [Fault] of the kind [ErrorCode] stands for every refusal
//     that is not listed above.
//   - It stores nothing on disk, and is no place for real secrets.
package clbsim
