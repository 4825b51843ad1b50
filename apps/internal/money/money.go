// Package money writes and reads amounts, which are minor units of a currency, as people do.
package money

import (
	"cmp"
	"strconv"
	"strings"
)

// Format returns an amount as people write it: "€12.50", "CHF 5.00", "-€0.10".
func Format(amount int64, currency string) string {
	text := Decimal(amount, currency)
	sign := ""
	if text[0] == '-' {
		sign, text = "-", text[1:]
	}
	whole, part, found := strings.Cut(text, ".")
	if found {
		part = "." + part
	}
	return sign + cmp.Or(Sign(currency), currency+"\u00a0") + Thousands(whole) + part
}

// Sign returns the sign that a currency is known by, "" when it has its code alone.
func Sign(currency string) string { return signs[currency] }

var signs = map[string]string{"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩", "ILS": "₪", "VND": "₫"}

// Digits is how many digits the minor unit of a currency has, by ISO 4217. The tables of
// Unicode, which libraries have, say 0 for some where ISO and payment providers say 2.
func Digits(currency string) int {
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	case "CLF", "UYW":
		return 4
	}
	return 2
}

// Thousands puts narrow spaces into a whole number, three digits from each other.
func Thousands(number string) string {
	for i := len(number) - 3; i > 0; i -= 3 {
		number = number[:i] + "\u202f" + number[i:]
	}
	return number
}

// Decimal is an amount as it is put in: without the currency.
func Decimal(amount int64, currency string) string {
	n := Digits(currency)
	sign, text := "", strconv.FormatInt(amount, 10)
	if amount < 0 {
		sign, text = "-", text[1:]
	}
	if n == 0 {
		return sign + text
	}
	text = strings.Repeat("0", max(0, n+1-len(text))) + text
	whole := len(text) - n
	return sign + text[:whole] + "." + text[whole:]
}

// Parse is the reverse of Decimal; a comma does as well.
func Parse(text, currency string) (int64, error) {
	n := Digits(currency)
	whole, part, _ := strings.Cut(strings.Replace(text, ",", ".", 1), ".")
	if whole+part == "" || whole == "-" && part == "" || len(part) > n || strings.ContainsAny(part, "+-") || len(whole) > 12 {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseInt(whole+part+strings.Repeat("0", n-len(part)), 10, 64)
}
