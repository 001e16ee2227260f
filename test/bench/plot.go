package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	glyphs "gonum.org/v1/plot/vg/draw"

	"github.com/clbtask/clbtask-operator/internal/polling/bound"
)

// shortest is the smallest latency on a logarithmic axis, in seconds.
const shortest = 0.01

// plotAll draws the plots of the report into a folder.
func plotAll(folder string, results []result) error {
	var one, five []result
	for _, r := range results {
		switch {
		case r.load.rate == 0 || r.load.alone || r.load.stuck > 0 || !r.load.undisturbed():
		case len(r.load.kinds) == 1:
			one = append(one, r)
		default:
			if r.strategy == wholeOperator || r.strategy == ourStrategy {
				r.strategy += [...]string{", not known", ", known", ", half known", ", wrong"}[r.load.hints]
			}
			five = append(five, r)
		}
	}
	return errors.Join(
		plotShares(filepath.Join(folder, "latency-10-per-second.svg"), results, "10/s"),
		plotMeans(filepath.Join(folder, "latency-by-load.svg"), "Mean latency by arrivals, one kind of task", one,
			load{kinds: bound.OneKind}),
		plotMeans(filepath.Join(folder, "latency-five-kinds.svg"), "Mean latency by arrivals, five kinds of tasks, known or not", five,
			load{name: ", not known", kinds: bound.FiveKinds}, load{name: ", known", kinds: bound.FiveKinds, hints: allHints}),
	)
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
		if err := draw(p, r.strategy, points, i, false); err != nil {
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

// plotMeans draws the mean latency of each strategy over the rate of arrivals, and the bounds
// of some loads.
func plotMeans(file, title string, results []result, bounds ...load) error {
	if len(results) == 0 {
		return nil
	}
	p := newPlot(title)
	p.X.Label.Text, p.Y.Label.Text = "tasks a second", "mean latency, seconds"
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.TickerFunc(logTicks)
	points := map[string]plotter.XYs{}
	var order []string
	var rates []float64
	for _, r := range results {
		if points[r.strategy] == nil {
			order = append(order, r.strategy)
		}
		points[r.strategy] = append(points[r.strategy], plotter.XY{X: r.load.rate, Y: math.Max(r.mean(), shortest)})
		rates = append(rates, r.load.rate)
	}
	slices.Sort(rates)
	rates = slices.Compact(rates)
	for i, l := range bounds {
		var line plotter.XYs
		for _, l.rate = range rates {
			line = append(line, plotter.XY{X: l.rate, Y: l.bound(0)})
		}
		if err := drawBound(p, "bound"+l.name, line, i); err != nil {
			return err
		}
	}
	for i, name := range order {
		slices.SortFunc(points[name], func(a, b plotter.XY) int { return cmp.Compare(a.X, b.X) })
		if err := draw(p, name, points[name], i, true); err != nil {
			return err
		}
	}
	var ticks plot.ConstantTicks
	for _, rate := range rates {
		ticks = append(ticks, plot.Tick{Value: rate, Label: trim(rate)})
	}
	p.X.Tick.Marker = ticks
	least, most := rates[0], rates[len(rates)-1]
	// The legend is right of the curves, with its lines first: fonts are not as wide as reckoned everywhere.
	p.X.Min, p.X.Max = least-1, most+max(8, 0.8*(most-least))
	p.Legend.Left, p.Legend.XOffs = true, 11.8*vg.Centimeter
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

// draw draws a line, and marks its points if it has few: it may be a single one.
func draw(p *plot.Plot, name string, points plotter.XYs, i int, few bool) error {
	line, marks, err := plotter.NewLinePoints(points)
	if err != nil {
		return fmt.Errorf("plot %s: %w", name, err)
	}
	line.Color, line.Dashes, line.Width = plotutil.Color(i), plotutil.Dashes(i/7), vg.Points(1.6)
	p.Add(line)
	if !few {
		p.Legend.Add(name, line)
		return nil
	}
	marks.Color, marks.Radius, marks.Shape = line.Color, vg.Points(3), [...]glyphs.GlyphDrawer{glyphs.CircleGlyph{}, glyphs.BoxGlyph{}}[i/7%2]
	p.Add(marks)
	p.Legend.Add(name, line, marks)
	return nil
}

// drawBound draws a broad black line.
func drawBound(p *plot.Plot, name string, points plotter.XYs, i int) error {
	line, err := plotter.NewLine(points)
	if err != nil {
		return fmt.Errorf("plot %s: %w", name, err)
	}
	line.Dashes, line.Width = plotutil.Dashes(i), vg.Points(3)
	p.Add(line)
	p.Legend.Add(name, line)
	return nil
}

func save(p *plot.Plot, file string) error { return p.Save(20*vg.Centimeter, 12*vg.Centimeter, file) }
