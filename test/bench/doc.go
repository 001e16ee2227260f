// Bench compares ways to poll DescribeTaskStatus, side by side in one run: the
// real SDK over real HTTP against the simulated API, with the same tasks for
// each. Its second half puts the same loads on the whole operator, on a real API
// server, and compares what a watch sees with the figures that the project has
// set itself.
//
// It is a program and no test, since it measures time: nothing here is asserted.
// It prints its tables and writes them, with plots, to a folder.
package main
