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

var scaleTemplate = template.Must(template.New("scale").Funcs(template.FuncMap{"table": table}).Parse(scaleText))

// scalePage is the data of the template.
type scalePage struct {
	scale

	Date, Machine, Before, After string
	Goals                        []goal
	Rows                         [][]string // Of the goals.
	Churn                        [][]string // What comes and goes, by quarter.
	looks                        []look     // During the churn.
}

func (p *scalePage) load() string {
	return fmt.Sprintf("%d finished, %d running", p.finished, p.running)
}

// traits are what must not grow.
var traits = []struct {
	name string
	of   func(look) float64
}{
	{"RSS, MB", func(l look) float64 { return l.rss }},
	{"goroutines", func(l look) float64 { return l.goroutines }},
	{"file descriptors", func(l look) float64 { return l.descriptors }},
}

// churned adds the figures of the churn. The first quarter is left out of the comparison:
// caches and pools fill.
func (p *scalePage) churned() {
	load := fmt.Sprintf("%d created and %d deleted a second for %v beside them", churnRate, churnRate, p.churn)
	p.Churn = [][]string{{"mean", "1st quarter", "2nd", "3rd", "4th"}}
	for _, trait := range traits {
		var most float64
		var means [4]float64
		for i, l := range p.looks {
			most = max(most, trait.of(l))
			quarter := i * 4 / len(p.looks)
			means[quarter] += trait.of(l) * 4 / float64(len(p.looks))
		}
		row := []string{trait.name}
		for _, mean := range means {
			row = append(row, fmt.Sprintf("%.1f", mean))
		}
		p.Churn = append(p.Churn, row)
		if trait.name == traits[0].name {
			p.Goals = append(p.Goals, goal{load: load, what: "RSS, MB at most", limit: 200, measured: most})
		}
		p.Goals = append(p.Goals, goal{load: load, what: trait.name + ", last quarter over second", limit: 1.1, measured: means[3] / means[1]})
	}
}

func (p *scalePage) render() (string, error) {
	p.Date, p.Machine, p.After, p.Rows = time.Now().UTC().Format(time.DateOnly), machine(), noise(), goalRows(p.Goals)
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
	picture := vgsvg.New(20*vg.Centimeter, 18*vg.Centimeter)
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
