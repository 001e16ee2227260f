// Package testenv is an API server for CLBTasks in memory. The controller-runtime
// manager, its cache and its client run against it in a testing/synctest bubble, so
// that hours of their timers pass in milliseconds:
//
//	synctest.Test(t, func(t *testing.T) {
//		cluster := testenv.New(t)
//		mgr, err := manager.New(cluster.Config(), cluster.ManagerOptions(t))
//		// Set up the controller with mgr.
//		testenv.Start(t, mgr)
//		err = cluster.Client().Create(t.Context(), task)
//		<-time.After(time.Hour)
//		synctest.Wait()
//	})
//
// A Cluster belongs to the bubble that made it. It has no sockets and no goroutines:
// the goroutine that sends a request serves it, and the one that reads a watch fills
// it. Both wait on timers and channels of the bubble alone.
//
// A [Network] lets HTTP servers and clients of the test meet in the bubble, too. Their
// connections have goroutines. A [Link] joins one program to both, until it is cut.
//
// Resource versions, optimistic locks, generations, field selectors, pages and
// watches, with streamed lists, behave as in Kubernetes 1.37. The API server's own code
// sets the defaults of the CRD in config/crd/bases, removes unknown fields and applies its
// limits and rules. Package conformance checks all that, here and of a real API server.
//
// The package has no other resources than CLBTasks, events.k8s.io and leases. It does not
// know finalizers, owner references, managed fields, label selectors, server-side apply,
// JSON patches, deletions of collections, dry runs, bookmarks after a list, or access
// control. The order of concurrent requests differs from run to run.
package testenv
