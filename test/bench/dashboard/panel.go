package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
)

// panel is what the picture needs of a panel or a row of the dashboard.
type panel struct {
	Type    string   `json:"type"`
	Title   string   `json:"title"`
	Targets []target `json:"targets"`
	GridPos struct {
		H, W, X, Y int
	} `json:"gridPos"`
	FieldConfig struct {
		Defaults struct {
			Unit     string   `json:"unit"`
			Max      *float64 `json:"max"`
			Mappings []struct {
				Options map[string]struct {
					Text string `json:"text"`
				} `json:"options"`
			} `json:"mappings"`
			Thresholds struct {
				Steps []struct {
					Value *float64 `json:"value"`
					Color string   `json:"color"`
				} `json:"steps"`
			} `json:"thresholds"`
			Custom struct {
				LineInterpolation string `json:"lineInterpolation"`
			} `json:"custom"`
		} `json:"defaults"`
	} `json:"fieldConfig"`

	series []series
}

type target struct {
	Expr, LegendFormat string
}

func readPanels(file string) ([]*panel, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var dashboard struct{ Panels []*panel }
	err = json.Unmarshal(content, &dashboard)
	return dashboard.Panels, err
}

// last returns the last value of the first series.
func (p *panel) last() float64 {
	points := p.series[0].points
	return points[len(points)-1].value
}

// stat returns the text and the colour of a panel that shows a number.
func (p *panel) stat() (text, color string) {
	value := p.last()
	for _, step := range p.FieldConfig.Defaults.Thresholds.Steps {
		if step.Value == nil || value >= *step.Value {
			color = step.Color
		}
	}
	for _, mapping := range p.FieldConfig.Defaults.Mappings {
		if option, has := mapping.Options[strconv.FormatFloat(value, 'f', -1, 64)]; has {
			return option.Text, color
		}
	}
	return p.format(value), color
}

// format writes a value with its unit, as Grafana does or nearly so.
func (p *panel) format(value float64) string {
	number := strconv.FormatFloat(value, 'g', 3, 64)
	if math.Abs(value) >= 100 || value == math.Trunc(value) {
		number = strconv.FormatFloat(value, 'f', 0, 64)
	}
	switch unit := p.FieldConfig.Defaults.Unit; unit {
	case "s":
		switch {
		case value == 0:
			return "0 s"
		case math.Abs(value) < 1:
			return strconv.FormatFloat(1000*value, 'g', 3, 64) + " ms"
		case math.Abs(value) >= 60:
			return strings.TrimSuffix(fmt.Sprintf("%d min %.0f s", int(value)/60, math.Mod(value, 60)), " 0 s")
		}
		return number + " s"
	case "percentunit":
		return strconv.FormatFloat(100*value, 'g', 3, 64) + "%"
	case "bytes":
		return fmt.Sprintf("%.0f MiB", value/(1<<20))
	case "reqps":
		return number + " req/s"
	case "ops":
		return number + " ops/s"
	case "cpm":
		return number + " /min"
	default:
		return strings.TrimSpace(number)
	}
}
