package main

import (
	"fmt"
	"image/color"
	"math"
	"os"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The cells of the dashboard's grid, the gap between panels and the room for the caption.
const (
	columns   = 24
	cellWidth = vg.Length(52)
	cellHigh  = vg.Length(25)
	gap       = vg.Length(8)
	caption   = vg.Length(30)
	padding   = vg.Length(8)
)

var (
	paper  = color.NRGBA{0xf4, 0xf5, 0xf5, 0xff}
	frame  = color.NRGBA{0xdc, 0xdc, 0xe0, 0xff}
	ink    = color.NRGBA{0x24, 0x29, 0x2e, 0xff}
	faint  = color.NRGBA{0x6c, 0x70, 0x78, 0xff}
	grid   = color.NRGBA{0xec, 0xec, 0xee, 0xff}
	colors = map[string]color.NRGBA{
		"green": {0x37, 0x87, 0x2d, 0xff}, "orange": {0xd9, 0x6a, 0x00, 0xff}, "red": {0xc4, 0x16, 0x2a, 0xff}, "blue": {0x1f, 0x60, 0xc4, 0xff},
	}
	palette = []color.NRGBA{
		{0x37, 0x87, 0x2d, 0xff}, {0xe0, 0xb4, 0x00, 0xff}, {0x32, 0x74, 0xd9, 0xff}, {0xc4, 0x16, 0x2a, 0xff},
		{0x8f, 0x3b, 0xb8, 0xff}, {0xff, 0x78, 0x0a, 0xff}, {0x19, 0x8a, 0x8a, 0xff}, {0x7a, 0x5c, 0x3c, 0xff}, {0xb8, 0x77, 0xd9, 0xff},
	}
)

// drawAll draws all panels at their places into one file.
func drawAll(file string, all []*panel) error {
	rows := 0
	for _, p := range all {
		rows = max(rows, p.GridPos.Y+p.GridPos.H)
	}
	width, high := columns*cellWidth+gap, vg.Length(rows)*cellHigh+gap+caption
	picture := vgsvg.New(width, high)
	c := draw.New(picture)
	fill(c, paper)
	write(c, "Drawn from the dashboard's queries, as a Prometheus answered them in a run against simulated clouds. This is not a screenshot of Grafana.",
		11, faint, vg.Point{X: 2 * gap, Y: gap + 4})
	for _, p := range all {
		left, top := vg.Length(p.GridPos.X)*cellWidth, high-vg.Length(p.GridPos.Y)*cellHigh
		place := draw.Crop(c, left+gap, left+vg.Length(p.GridPos.W)*cellWidth-width, top-vg.Length(p.GridPos.H)*cellHigh, top-gap-high)
		var err error
		switch p.Type {
		case "row":
			bold(place, p.Title, 13, ink, vg.Point{X: place.Min.X + 4, Y: place.Min.Y + 4})
		case "stat":
			err = p.drawNumber(place)
		default:
			err = p.drawGraph(place)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.Title, err)
		}
	}
	written, err := os.Create(file)
	if err != nil {
		return err
	}
	if _, err := picture.WriteTo(written); err != nil {
		return err
	}
	return written.Close()
}

func fill(c draw.Canvas, with color.Color) {
	c.FillPolygon(with, []vg.Point{c.Min, {X: c.Max.X, Y: c.Min.Y}, c.Max, {X: c.Min.X, Y: c.Max.Y}})
}

// box draws the frame and the title of a panel, and returns the room below it.
func (p *panel) box(c draw.Canvas) draw.Canvas {
	fill(c, color.White)
	c.StrokeLines(draw.LineStyle{Color: frame, Width: 0.7}, []vg.Point{c.Min, {X: c.Max.X, Y: c.Min.Y}, c.Max, {X: c.Min.X, Y: c.Max.Y}, c.Min})
	bold(c, p.Title, 11, ink, vg.Point{X: c.Min.X + padding, Y: c.Max.Y - 16})
	return draw.Crop(c, padding, -padding, 4, -22)
}

// style is that of a text.
func style(size vg.Length, with color.Color) draw.TextStyle {
	sans := font.From(plot.DefaultFont, size)
	sans.Variant = "Sans"
	return draw.TextStyle{Color: with, Font: sans, Handler: plot.DefaultTextHandler}
}

func write(c draw.Canvas, what string, size vg.Length, with color.Color, at vg.Point) {
	c.FillText(style(size, with), at, what)
}

func bold(c draw.Canvas, what string, size vg.Length, with color.Color, at vg.Point) {
	s := style(size, with)
	s.Font.Weight = xfont.WeightBold
	c.FillText(s, at, what)
}

// drawNumber draws a panel with the last value, over its course.
func (p *panel) drawNumber(c draw.Canvas) error {
	what, name := p.stat()
	with := colors[name]
	room := p.box(c)
	course := plot.New()
	course.HideAxes()
	course.BackgroundColor = nil
	course.Y.Min = 0
	line, err := p.line(p.series[0].points, with)
	if err != nil {
		return err
	}
	for _, l := range line {
		l.FillColor = color.NRGBA{with.R, with.G, with.B, 0x30}
		course.Add(l)
	}
	course.Y.Max = max(3.5*course.Y.Max, 1e-9) // The number stands above it.
	course.Draw(draw.Crop(room, -padding, padding, -3, 0))
	big := style(26, with)
	big.XAlign, big.YAlign = text.XCenter, text.YCenter
	c.FillText(big, vg.Point{X: (room.Min.X + room.Max.X) / 2, Y: (room.Min.Y+room.Max.Y)/2 + 10}, what)
	return nil
}

// line returns the lines of a series, a new one after each gap.
func (p *panel) line(points []point, with color.Color) (lines []*plotter.Line, err error) {
	var part plotter.XYs
	flush := func() error {
		if len(part) == 0 {
			return nil
		}
		l, err := plotter.NewLine(part)
		if err != nil {
			return err
		}
		l.Color, l.Width = with, 1.3
		if p.FieldConfig.Defaults.Custom.LineInterpolation == "stepAfter" {
			l.StepStyle = plotter.PostStep
		}
		lines, part = append(lines, l), nil
		return nil
	}
	for i, at := range points {
		if i > 0 && at.at-points[i-1].at > 1.5*scrapeInterval.Seconds() {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		part = append(part, plotter.XY{X: at.at, Y: at.value})
	}
	return lines, flush()
}

// drawGraph draws a panel with lines and a legend.
func (p *panel) drawGraph(c draw.Canvas) error {
	room := p.box(c)
	g := plot.New()
	g.BackgroundColor = nil
	g.X.Min, g.Y.Min = 0, 0
	lines := plotter.NewGrid()
	lines.Horizontal.Color, lines.Vertical.Color = grid, grid
	g.Add(lines)
	for i, s := range p.series {
		parts, err := p.line(s.points, palette[i%len(palette)])
		if err != nil {
			return err
		}
		for _, part := range parts {
			g.Add(part)
		}
	}
	if limit := p.FieldConfig.Defaults.Max; limit != nil {
		g.Y.Max = *limit
	}
	g.Y.Max = max(g.Y.Max*1.05, 1e-3)
	g.X.Tick.Marker = plot.TickerFunc(minutes)
	g.Y.Tick.Marker = plot.TickerFunc(func(least, most float64) []plot.Tick {
		ticks := plot.DefaultTicks{}.Ticks(least, most)
		for i, t := range ticks {
			if t.Label != "" {
				ticks[i].Label = p.format(t.Value)
			}
		}
		return ticks
	})
	for _, axis := range []*plot.Axis{&g.X, &g.Y} {
		axis.Tick.Label.Font.Size, axis.Tick.Label.Color = 8, faint
		axis.Tick.Label.Font.Variant = "Sans"
		axis.Tick.Length, axis.Width, axis.Tick.Width = 0, 0, 0
	}
	high := p.drawLegend(room)
	g.Draw(draw.Crop(room, 0, 0, high, 0))
	return nil
}

// minutes are the ticks of the time, in seconds since the begin.
func minutes(least, most float64) (ticks []plot.Tick) {
	const every = 120
	for at := math.Ceil(least/every) * every; at <= most; at += every {
		ticks = append(ticks, plot.Tick{Value: at, Label: fmt.Sprintf("%.0f min", at/60)})
	}
	return ticks
}

// drawLegend draws the legend at the bottom, and returns how high it is.
func (p *panel) drawLegend(c draw.Canvas) vg.Length {
	const lineHigh, mark = vg.Length(11), vg.Length(10)
	s := style(8, ink)
	type item struct{ row, at vg.Length }
	items := make([]item, len(p.series))
	var row, at vg.Length
	for i, of := range p.series {
		width := mark + 4 + s.Width(of.name)*1.2 + 6 // A reader's font may be wider.
		if at > 0 && at+width > c.Max.X-c.Min.X {
			row, at = row+1, 0
		}
		items[i] = item{row, at}
		at += width
	}
	for i, of := range p.series {
		x, y := c.Min.X+items[i].at, c.Min.Y+(row-items[i].row)*lineHigh+2
		c.StrokeLine2(draw.LineStyle{Color: palette[i%len(palette)], Width: 2.5}, x, y+3, x+mark, y+3)
		c.FillText(s, vg.Point{X: x + mark + 4, Y: y}, of.name)
	}
	return (row+1)*lineHigh + 6
}
