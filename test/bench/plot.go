package main

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// shortest is the smallest latency on a logarithmic axis, in seconds.
const shortest = 0.01

// plotAll draws the two plots of the report into a folder.
func plotAll(folder string, results []result) error {
	if err := plotShares(filepath.Join(folder, "latency-10-per-second.svg"), results, "10/s"); err != nil {
		return err
	}
	return plotMeans(filepath.Join(folder, "latency-by-load.svg"), results)
}

// plotShares draws, for each strategy under a load, which share of the tasks was
// detected within which time.
func plotShares(file string, results []result, load string) error {
	p := newPlot("Tasks arriving at " + load + ": share detected within a time")
	p.X.Label.Text, p.Y.Label.Text = "seconds from a task's end to its verdict (undecided: to the end of the run)", "share of the tasks"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.TickerFunc(logTicks)
	p.Y.Min, p.Y.Max = 0, 1
	i := 0
	for _, r := range results {
		if r.load.name != load {
			continue
		}
		var points plotter.XYs
		for n, latency := range r.latencies {
			points = append(points, plotter.XY{X: math.Max(latency, shortest), Y: float64(n+1) / float64(len(r.latencies))})
		}
		if err := draw(p, r.strategy, points, i); err != nil {
			return err
		}
		i++
	}
	if i == 0 {
		return nil
	}
	// Right of the curves, with its lines first: fonts are not as wide as reckoned
	// everywhere, and a text may grow into the margin but not into its line.
	p.Legend.Left, p.Legend.XOffs = true, 13.4*vg.Centimeter
	return save(p, file)
}

// logTicks are those within the axis: the others would leave room for themselves.
func logTicks(least, most float64) []plot.Tick {
	return slices.DeleteFunc(plot.LogTicks{Prec: -1}.Ticks(least, most), func(t plot.Tick) bool { return t.Value < least || t.Value > most })
}

// plotMeans draws the mean latency of each strategy over the rate of arrivals.
func plotMeans(file string, results []result) error {
	p := newPlot("Mean latency by arrivals")
	p.X.Label.Text, p.Y.Label.Text = "tasks a second", "mean seconds from a task's end to its verdict"
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.TickerFunc(logTicks)
	points := map[string]plotter.XYs{}
	var order []string
	for _, r := range results {
		if r.load.rate == 0 || r.load.stuck > 0 || !r.load.undisturbed() {
			continue
		}
		if points[r.strategy] == nil {
			order = append(order, r.strategy)
		}
		points[r.strategy] = append(points[r.strategy], plotter.XY{X: r.load.rate, Y: math.Max(r.mean(), shortest)})
	}
	for i, name := range order {
		if err := draw(p, name, points[name], i); err != nil {
			return err
		}
	}
	if len(order) == 0 {
		return nil
	}
	p.Legend.Left = true
	p.X.Max++                          // For the last number.
	p.Y.Max = max(p.Y.Max, 10*p.Y.Min) // A single mean would get an axis that includes 0, which has no logarithm.
	return save(p, file)
}

func newPlot(title string) *plot.Plot {
	p := plot.New()
	p.Title.Text = title
	p.Title.Padding, p.Legend.Padding = vg.Points(8), vg.Points(3)
	p.Legend.Top, p.Legend.XOffs = true, vg.Points(8)
	p.Legend.TextStyle.Font.Size = vg.Points(10)
	p.Add(plotter.NewGrid())
	return p
}

func draw(p *plot.Plot, name string, points plotter.XYs, i int) error {
	line, err := plotter.NewLine(points)
	if err != nil {
		return fmt.Errorf("plot %s: %w", name, err)
	}
	line.Color, line.Dashes, line.Width = plotutil.Color(i), plotutil.Dashes(i/7), vg.Points(1.6)
	p.Add(line)
	p.Legend.Add(name, line)
	return nil
}

func save(p *plot.Plot, file string) error { return p.Save(20*vg.Centimeter, 12*vg.Centimeter, file) }
