use super::*;

const NOW: Millis = 1_767_225_600_000;

fn parse(text: &str) -> Result<Widget> {
    let scope = Scope { account: "000000000000".parse().unwrap(), region: "us-east-1".parse().unwrap() };
    Widget::parse(text, &scope, NOW)
}

fn metric(of: &Asked) -> String {
    match &of.of {
        Of::Expression(text) => text.clone(),
        Of::Metric { metric, statistic } => {
            let dimensions = metric.dimensions.iter().flatten().map(|d| format!("{}={}", d.name, d.value));
            let [namespace, name] =
                [&metric.namespace, &metric.metric_name].map(|text| text.clone().unwrap());
            format!("{namespace} {name} {} {statistic}", dimensions.collect::<Vec<_>>().join(","))
        }
    }
}

#[test]
fn metrics_are_like_those_before_them() {
    let text = r##"{"stat":"Sum","period":60,"metrics":[
        ["AWS/EC2","CPUUtilization","InstanceId","i-1",{"color":"#f00"}],
        ["...","i-2",{"stat":"p99","yAxis":"right","period":300}],
        [".","NetworkIn",".","."],
        ["...",{"visible":false,"id":"m4"}],
        [{"expression":"m4 * 8","label":"bits","id":"e1"}]]}"##;
    let widget = parse(text).unwrap();
    let all: Vec<String> = widget.metrics.iter().map(metric).collect();
    assert_eq!(
        all,
        [
            "AWS/EC2 CPUUtilization InstanceId=i-1 Sum",
            "AWS/EC2 CPUUtilization InstanceId=i-2 p99",
            "AWS/EC2 NetworkIn InstanceId=i-2 Sum",
            "AWS/EC2 NetworkIn InstanceId=i-2 Sum",
            "m4 * 8",
        ]
    );
    assert_eq!(widget.metrics[1].side, Side::Right);
    assert_eq!((widget.metrics[1].period_s, widget.metrics[2].period_s), (300, 60));
    assert!(!widget.metrics[3].is_visible);
    assert_eq!((widget.width, widget.height, widget.view), (600, 400, View::TimeSeries));
    assert_eq!((widget.from, widget.to), (NOW - 3 * 3_600_000, NOW));
}

#[test]
fn times_are_instants_or_before_now() {
    let span = |start: &str, end: &str| {
        let widget = parse(&format!(r#"{{"start":"{start}","end":"{end}"}}"#)).ok()?;
        Some((widget.from - NOW, widget.to - NOW))
    };
    assert_eq!(span("-P1D", "-PT30M"), Some((-86_400_000, -1_800_000)));
    assert_eq!(span("2025-12-31T23:00:00Z", "2026-01-01T01:00:00+01:00"), Some((-3_600_000, 0)));
    assert_eq!(span("-P1M", "P0D"), Some((-31 * 86_400_000, 0)));
    for (start, end) in [("-PT1H", "-PT2H"), ("soon", "PT0H"), ("2026-01-01", "PT0H"), ("", "PT0H")] {
        assert_eq!(span(start, end), None, "{start}");
    }
}

#[test]
fn annotations_are_lines_or_bands() {
    let text = r##"{"annotations":{
        "horizontal":[{"value":5,"label":"high","fill":"above"},[{"value":1,"color":"#000"},{"value":2}],
                      {"value":3,"visible":false}],
        "vertical":[{"value":"2026-01-01T00:00:00Z","fill":"before","label":"start"}]}}"##;
    let annotations = parse(text).unwrap().annotations;
    let [line, band] = annotations.horizontal.as_slice() else { panic!("{annotations:?}") };
    assert_eq!((line.value, line.until, line.fill), (5.0, None, Fill::After));
    assert_eq!((band.value, band.until), (1.0, Some(2.0)));
    assert_eq!((annotations.vertical[0].at, annotations.vertical[0].fill), (NOW, Fill::Before));
}

#[test]
fn what_is_not_drawn_is_refused_by_name() {
    for (text, why) in [
        ("[]", "must be an object"),
        ("{", "must be a valid JSON object"),
        (r#"{"view":"pie"}"#, "/view is pie"),
        (r#"{"sparkline":true}"#, "/sparkline is not drawn here"),
        (r#"{"width":0}"#, "/width must be between"),
        (r#"{"height":2001}"#, "/height must be between"),
        (r#"{"title":5}"#, "/title must be a string"),
        (r#"{"timezone":"CET"}"#, "/timezone must be like"),
        (r#"{"region":"eu-west-1"}"#, "/region must be us-east-1"),
        (r#"{"yAxis":{"left":{"showUnits":true}}}"#, "/yAxis/left/showUnits is not drawn here"),
        (r#"{"yAxis":{"top":{}}}"#, "/yAxis/top is not drawn here"),
        (r#"{"legend":{"position":"left"}}"#, "/legend/position is left"),
        (r#"{"annotations":{"alarms":["arn"]}}"#, "/annotations/alarms is not drawn here"),
        (r#"{"annotations":{"horizontal":[{"label":"x"}]}}"#, "/annotations/horizontal/0/value is required"),
        (r#"{"annotations":{"vertical":[{"value":"-PT1H"}]}}"#, "must be an instant"),
        (r#"{"metrics":[["a"]]}"#, "must have a namespace and a name"),
        (r#"{"metrics":[["a","b","c"]]}"#, "has a dimension without a value"),
        (r#"{"metrics":[[".","b"]]}"#, "has a . for what"),
        (r#"{"metrics":[["a","b",{"region":"eu-west-1"}]]}"#, "/metrics/0/region must be"),
        (r#"{"metrics":[["a","b",{"color":"red"}]]}"#, "/metrics/0/color must be like"),
        (r#"{"metrics":[["a","b",{"expression":"m1"}]]}"#, "has an expression and a metric"),
        (r#"{"metrics":[["a","b",{"sparks":1}]]}"#, "/metrics/0/sparks is not drawn here"),
        (r#"{"setPeriodToTimeRange":true}"#, "is for the view singleValue"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.message().contains(why), "{text}: {}", error.message());
        assert_eq!(error.status(), 400);
    }
}
