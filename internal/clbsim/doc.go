// Package clbsim simulates the API of Tencent Cloud Load Balancer over HTTP,
// as far as DescribeTaskStatus goes, for tests, demonstrations and benchmarks.
//
// A [Simulator] is an [http.Handler]. It verifies TC3-HMAC-SHA256 signatures,
// counts the quota, answers for the tasks it was given and misbehaves on
// request:
//
//	sim := clbsim.New(clbsim.Config{Credentials: []clbsim.Credential{{SecretID: "id", SecretKey: "key"}}})
//	server, err := sim.Start("127.0.0.1:0")
//	...
//	sim.AddTask(clbsim.Task{ID: "55c85074-…", Duration: 4 * time.Second})
//	sim.AddFault(clbsim.Fault{Kind: clbsim.HTTPStatus, StatusCode: 502, Count: 3})
//
// # The way of a request
//
// Each step may end the request; the order is that of the real gateway, where
// it is known.
//
//  1. Half of [Config.RoundTrip] passes: the request is on its way.
//  2. It arrives. [Latency] faults are chosen, for every request that matches,
//     refused ones too.
//  3. Faults of the transport ([Hang], [Reset], [HTTPStatus]) strike. They stand
//     for what lies in front of the gateway, so the request is neither verified
//     nor counted.
//  4. Method, path, content type and common parameters are checked.
//  5. The signature is verified: secret ID, timestamp, signature, token.
//  6. Action and version are checked.
//  7. The quota is counted.
//  8. All other faults strike.
//  9. Region and parameters are checked, and the task is looked up.
//  10. The latency and the other half of the round trip pass, and the answer,
//     which is as old as they are long, is written.
//
// A refusal is what the real API makes of it: HTTP 200 with
// Response.Error.{Code,Message}. The codes are those of the page "Error Codes"
// (API page 214/33849); the messages are those seen in public reports where
// there are such, and are not to be parsed in either case.
//
// # The quota
//
// [Config.RequestsPerSecond] arrivals a second pass, counted by account, action
// and gateway; credentials of one account share it. All host names are one
// gateway unless [Config.Hosts] names them; then each is one of its own. Only
// arrivals that pass count towards the quota: a refused one does not prolong
// the wait. This is the strictest reading under which a client that keeps to
// N arrivals in every second is never refused.
//
// # What this package does not do
//
//   - It creates nothing: no mutating call is simulated. Tasks are added by the
//     test that owns the simulator.
//   - It speaks neither the signature methods v1 (HmacSHA1, HmacSHA256) nor GET
//     nor multipart bodies nor HTTP/2, and no other service (gwlb, sts).
//   - It answers in English whatever X-TC-Language asks for.
//   - It knows no permissions (CAM). A [Fault] of kind [ErrorCode] stands for
//     every refusal that is not listed above.
//   - It keeps nothing on disk, and is no place for real secrets.
package clbsim
