package charging

import (
	"cmp"
	"strconv"
	"strings"
)

// Amounts of money, as people read them and put them in.

// money is an amount in minor units as people write it: "€12.50", "CHF 5.00".
func money(amount int64, currency string) string {
	sign, text := "", decimal(amount, currency)
	if amount < 0 {
		sign, text = "−", text[1:]
	}
	whole, part, found := strings.Cut(text, ".")
	if n, err := strconv.Atoi(whole); err == nil {
		whole = figure(n)
	}
	if found {
		whole += "." + part
	}
	return sign + cmp.Or(currencySign(currency), currency+"\u00a0") + whole
}

// currencySign is the sign that a currency is known by, "" when it has its code alone.
func currencySign(currency string) string {
	return map[string]string{"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩"}[currency]
}

// minorDigits is how many digits the minor unit of a currency has, by ISO 4217.
func minorDigits(currency string) int {
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

// decimal is an amount in minor units as it is put in: without the currency.
func decimal(amount int64, currency string) string {
	n := minorDigits(currency)
	sign, text := "", strconv.FormatInt(amount, 10)
	if amount < 0 {
		sign, text = "-", text[1:]
	}
	if n == 0 {
		return sign + text
	}
	for len(text) <= n {
		text = "0" + text
	}
	whole := len(text) - n
	return sign + text[:whole] + "." + text[whole:]
}

// parseDecimal is the reverse of decimal; a comma does as well.
func parseDecimal(text, currency string) (int64, error) {
	n := minorDigits(currency)
	whole, part, _ := strings.Cut(strings.Replace(text, ",", ".", 1), ".")
	if whole+part == "" || len(part) > n || strings.ContainsAny(part, "+-") || len(whole) > 12 {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseInt(whole+part+strings.Repeat("0", n-len(part)), 10, 64)
}
