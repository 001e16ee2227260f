package realenv

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
)

// lastPort is below those that the system gives to connections, one of which might take a port that
// is free before a program listens there.
var lastPort atomic.Int32

func init() { lastPort.Store(20_000 + int32(os.Getpid()%317*40)) } // Another run, with a PID near this one's, may be beside it.

// FreeAddress returns an address on this machine that nobody listens at, for a program that is to.
func FreeAddress() (string, error) {
	for range 100 {
		address := fmt.Sprint("127.0.0.1:", lastPort.Add(1))
		if listener, err := net.Listen("tcp", address); err == nil { //nolint:noctx // It takes no time.
			return address, listener.Close()
		}
	}
	return "", errors.New("no port is free")
}
