package postgres

import (
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode"
)

// translate writes an RE2 expression as PostgreSQL's advanced regular
// expression that matches the same texts. What is no RE2 matches nothing.
func translate(expr string) string {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return "$.^"
	}
	var b strings.Builder
	write(&b, tree.Simplify()) // counts become repetitions: the server counts to 255 only
	return b.String()
}

// fixed are the expressions without parts.
var fixed = map[syntax.Op]string{
	syntax.OpNoMatch: "$.^", syntax.OpEmptyMatch: "(?:)", syntax.OpAnyCharNotNL: `[^\n]`, syntax.OpAnyChar: ".",
	syntax.OpBeginLine: `(?:^|(?<=\n))`, syntax.OpEndLine: `(?:$|(?=\n))`, syntax.OpBeginText: "^", syntax.OpEndText: "$",
	syntax.OpWordBoundary: `\y`, syntax.OpNoWordBoundary: `\Y`,
}

// repeated are those that repeat their only part; that they may be lazy says
// how much is matched, not whether.
var repeated = map[syntax.Op]string{syntax.OpStar: "*", syntax.OpPlus: "+", syntax.OpQuest: "?"}

func write(b *strings.Builder, re *syntax.Regexp) {
	if text, is := fixed[re.Op]; is {
		b.WriteString(text)
		return
	}
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			writeLiteral(b, r, re.Flags&syntax.FoldCase != 0)
		}
	case syntax.OpCharClass:
		writeClass(b, re.Rune)
	case syntax.OpConcat, syntax.OpCapture:
		writeAll(b, re.Sub, "")
	case syntax.OpAlternate:
		writeAll(b, re.Sub, "|")
	default:
		writeAll(b, re.Sub, "")
		b.WriteString(repeated[re.Op])
	}
}

func writeAll(b *strings.Builder, parts []*syntax.Regexp, between string) {
	b.WriteString("(?:")
	for i, part := range parts {
		if i > 0 {
			b.WriteString(between)
		}
		write(b, part)
	}
	b.WriteString(")")
}

func writeLiteral(b *strings.Builder, r rune, fold bool) {
	if !fold || unicode.SimpleFold(r) == r {
		fmt.Fprintf(b, `\U%08X`, r)
		return
	}
	b.WriteString("[")
	fmt.Fprintf(b, `\U%08X`, r)
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		fmt.Fprintf(b, `\U%08X`, other)
	}
	b.WriteString("]")
}

// writeClass leaves NUL out, which no text here has.
func writeClass(b *strings.Builder, ranges []rune) {
	b.WriteString("[")
	for i := 0; i < len(ranges); i += 2 {
		fmt.Fprintf(b, `\U%08X-\U%08X`, max(ranges[i], 1), max(ranges[i+1], 1))
	}
	b.WriteString("]")
}
