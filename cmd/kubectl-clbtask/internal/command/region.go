package command

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// regionOf returns the region that the flag names, or else the environment, or else the
// profile of tccli.
func regionOf(flag string, getenv func(string) string, home string) (string, error) {
	if region := cmp.Or(flag, getenv("TENCENTCLOUD_REGION")); region != "" {
		return region, nil
	}
	profile := filepath.Join(home, ".tccli", cmp.Or(getenv("TCCLI_PROFILE"), "default")+".configure")
	content, err := os.ReadFile(profile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("find the region in the profile of tccli: %w", err)
	}
	var configured struct {
		System struct {
			Region string `json:"region"`
		} `json:"_sys_param"`
	}
	if err == nil {
		if err := json.Unmarshal(content, &configured); err != nil {
			return "", fmt.Errorf("find the region in %s: %w", profile, err)
		}
	}
	if configured.System.Region == "" {
		return "", fmt.Errorf("no region: give the one that the call was sent to by --region, or set TENCENTCLOUD_REGION (%s has none)", profile)
	}
	return configured.System.Region, nil
}
