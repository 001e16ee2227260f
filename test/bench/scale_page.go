package main

import (
	_ "embed" // For the template.
	"fmt"
	"os"
	"strings"
	"text/template"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	canvas "gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

//go:embed scale.md.tmpl
var scaleText string

var scaleTemplate = template.Must(template.New("scale").Funcs(pageFuncs).Parse(scaleText))

// scalePage is the data of the template.
type scalePage struct {
	scale

	Date, Machine, Before, After string
	Goals                        []goal
	Churn                        [][]string // What must not grow, by part of the churn.
	looks                        []look     // During the churn.
}

func (p *scalePage) load() string {
	return fmt.Sprintf("%d finished, %d running", p.finished, p.running)
}

// traits are what must not grow. Connections come and go, so their numbers vary; a leak would
// be one of thousands.
var traits = []struct {
	name   string
	of     func(look) float64
	growth float64
}{
	{"RSS, MB", func(l look) float64 { return l.rss }, 1.1},
	{"live heap, MB", func(l look) float64 { return l.heap }, 1.1},
	{"goroutines", func(l look) float64 { return l.goroutines }, 1.5},
	{"file descriptors", func(l look) float64 { return l.descriptors }, 1.5},
}

// warmUpChurn is left out of the comparison: client-go keeps each event for 6 to 12 minutes,
// and drops old ones every 6. Parts of less than that stand at different points of a sawtooth.
const warmUpChurn = 12 * time.Minute

// churned adds the figures of the churn: whether the second half of the time after the
// warm-up needs more than the first half.
func (p *scalePage) churned() {
	load := fmt.Sprintf("%d created and %d deleted a second for %v beside them", churnRate, churnRate, p.churn)
	warm := min(warmUpChurn, p.churn/2)
	half := warm + (p.churn-warm)/2
	p.Churn = [][]string{{"mean", fmt.Sprintf("to %v", warm), fmt.Sprintf("to %v", half), fmt.Sprintf("to %v", p.churn)}}
	for i, trait := range traits {
		var most float64
		var sums, counts [3]float64
		for _, l := range p.looks {
			most = max(most, trait.of(l))
			part := 0
			if age := l.at.Sub(p.looks[0].at); age > half {
				part = 2
			} else if age > warm {
				part = 1
			}
			sums[part] += trait.of(l)
			counts[part]++
		}
		row := []string{trait.name}
		for part := range sums {
			row = append(row, fmt.Sprintf("%.1f", sums[part]/counts[part]))
		}
		p.Churn = append(p.Churn, row)
		if i == 0 {
			p.Goals = append(p.Goals, goal{load: load, what: trait.name + " at most", limit: 200, measured: most})
		}
		p.Goals = append(p.Goals, goal{load: load, what: trait.name + ", last part over the one before", limit: trait.growth, measured: sums[2] / counts[2] / (sums[1] / counts[1])})
	}
}

func (p *scalePage) render() (string, error) {
	p.Date, p.Machine, p.After = time.Now().UTC().Format(time.DateOnly), machine(), noise()
	var text strings.Builder
	err := scaleTemplate.Execute(&text, p)
	return text.String(), err
}

// plotChurn draws what must not grow, one above the other.
func plotChurn(file string, looks []look) error {
	if len(looks) == 0 {
		return nil
	}
	grid := make([][]*plot.Plot, len(traits))
	for i, trait := range traits {
		p := newPlot("")
		p.Y.Label.Text, p.Y.Min, p.X.Min = trait.name, 0, 0
		if i == len(traits)-1 {
			p.X.Label.Text = "minutes"
		}
		points := make(plotter.XYs, len(looks))
		for n, l := range looks {
			points[n] = plotter.XY{X: l.at.Sub(looks[0].at).Minutes(), Y: trait.of(l)}
			p.Y.Max = max(p.Y.Max, 1.2*trait.of(l))
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return err
		}
		line.Color, line.Width = plotutil.Color(i), vg.Points(1.6)
		p.Add(line)
		grid[i] = []*plot.Plot{p}
	}
	picture := vgsvg.New(20*vg.Centimeter, 22*vg.Centimeter)
	tiles := canvas.Tiles{Rows: len(traits), Cols: 1, PadY: vg.Millimeter * 3}
	for i, row := range plot.Align(grid, tiles, canvas.New(picture)) {
		grid[i][0].Draw(row[0])
	}
	var text strings.Builder
	if _, err := picture.WriteTo(&text); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text.String()), 0o644)
}
