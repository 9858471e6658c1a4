package house

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Migrations that databases out there have applied are never edited: what
// changes is a new file. The sums are of those that were there at that commit.
func TestMigrationsThatWereReleasedAreAsTheyWere(t *testing.T) {
	list, err := os.Open(filepath.Join("testdata", "migrations-2abc64f.sha256"))
	require.NoError(t, err)
	defer func() { require.NoError(t, list.Close()) }()
	lines, n := bufio.NewScanner(list), 0
	for ; lines.Scan(); n++ {
		want, path, _ := strings.Cut(lines.Text(), "  ")
		text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(path)))
		require.NoError(t, err)
		sum := sha256.Sum256(text)
		require.Equal(t, want, hex.EncodeToString(sum[:]), "%s was edited", path)
	}
	require.NoError(t, lines.Err())
	require.Greater(t, n, 5)
}
